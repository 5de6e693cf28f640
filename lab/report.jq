# SPDX-License-Identifier: GPL-2.0
# The page of lab/report. Input: result.json; $out: where it is; $tlps: the first write
# at each of the route's hops, decoded. The page is XML, too, so that a parser finds what is wrong.

def hex: if . < 16 then "0123456789abcdef"[.:. + 1] else (. / 16 | floor | hex) + (. % 16 | hex) end;

# Names come from files of the user's and from the guest. @html escapes all but what
# no text may have.
walk(if type == "string" then gsub("[\\x00-\\x08\\x0b-\\x1f]"; "?") else . end) |

def fate: {
	arrives: "The hint arrives at the accelerator.",
	lost: "The hint is lost on the way; the data arrive.",
	blocked: "The writes are lost on the way, and the hint with them.",
	refused: "The hint cannot be set.",
	unused: "The tag does not fit, and is not used."
}[.expected] // .expected;

def verdict: if .ok then "All \(.checks | length) checks hold."
	else "\([.checks[] | select(.ok | not)] | length) of \(.checks | length) checks FAILED." end;

def row(f): "<tr>" + (map(@html "<td>\(.)</td>") | join("")) + "</tr>";
def table(heads): "<table><tr>\(heads | map("<th>\(.)</th>") | join(""))</tr>\(map(row(.)) | join("\n"))</table>";

def route: .route |
	@html "<p>NIC → \(.path | join(" → ")); address in the NIC's requests: \(.address_type // "-").</p>",
	(.hops | map([.port, .dir, .with_hint, .without_hint]) |
	 table(["port", "in or out", "writes with a hint", "without"])),
	if .lost_at then @html "<p id='lost'>Taken away at \(.lost_at): \(.why).</p>" else empty end;

def tlps: [.route.hops, $tlps] | transpose[] |
	@html "<h3>\(.[0].port), \(.[0].dir)</h3><pre>\(.[1])</pre>";

def commands: "make demo ST=0x\(.tag | hex) PH=\(.ph) NS=\(.namespace) STMODE=\(.st_mode) TOPOLOGY=\(.topology | @sh)",
	"out/tools/tlpdump --type MWr --th 1 \($out | @sh)/capture.pcapng",
	"jq . \($out | @sh)/result.json";

@html "<!DOCTYPE html>
<html lang='en' xmlns='http://www.w3.org/1999/xhtml'>
<head>
<meta charset='utf-8'/>
<title>p2p-tph: \(.topology): \(verdict)</title>
<style>
body { font-family: sans-serif; max-width: 60em; margin: auto; padding: 1em }
table { border-collapse: collapse } td, th { border: 1px solid #999; padding: 0.2em 0.6em; text-align: left }
pre { background: #f4f4f4; padding: 0.6em; overflow-x: auto }
.ok { color: #060 } .failed { color: #a00; font-weight: bold }
</style>
</head>
<body>
<h1>A steering tag from its owner to the wire</h1>
<p id='verdict' class='\(if .ok then "ok" else "failed" end)'>\(verdict)</p>
<p>Expected: \(fate) Steering tag 0x\(.tag | hex) of the \(.namespace)-bit namespace, processing hint \(.ph).</p>
<p>Topology \(.topology), Linux \(.kernel), QEMU \(.qemu).</p>
<pre>\(.picture)</pre>
<h2>The route of the NIC's writes</h2>",
route,
@html "<p>Of all TLPs captured, \(.tlps.with_tag) have a hint and \(.tlps.without_tag) have none.</p>
<h2>The first write at each port</h2>",
tlps,
"<h2>Checks</h2>",
(.checks | map([(if .ok then "ok" else "FAILED" end), .name, .found, .expected]) |
 table(["", "check", "found", "expected"])),
"<h2>To see it again</h2>",
@html "<pre>\([commands] | join("\n"))</pre>",
"</body>
</html>"
