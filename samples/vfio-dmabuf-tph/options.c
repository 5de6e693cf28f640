// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "say.h"
#include "scenario.h"
#include "slot.h"

enum {
	OPT_ACCEL = 256,
	OPT_RDMA,
	OPT_GID_INDEX,
	OPT_ST,
	OPT_PH,
	OPT_NS,
	OPT_EXPECT_HINT,
	OPT_EXPECT_SET,
	OPT_RELAXED_ORDERING,
	OPT_SCENARIO,
	OPT_LENGTH,
	OPT_TIMEOUT,
	OPT_JSON,
	OPT_COMMAND,
	OPT_COMMAND_OUT,
};

static const struct option long_options[] = {
	{ "accel", required_argument, NULL, OPT_ACCEL },
	{ "rdma", required_argument, NULL, OPT_RDMA },
	{ "gid-index", required_argument, NULL, OPT_GID_INDEX },
	{ "st", required_argument, NULL, OPT_ST },
	{ "ph", required_argument, NULL, OPT_PH },
	{ "ns", required_argument, NULL, OPT_NS },
	{ "expect-hint", required_argument, NULL, OPT_EXPECT_HINT },
	{ "expect-set", required_argument, NULL, OPT_EXPECT_SET },
	{ "relaxed-ordering", no_argument, NULL, OPT_RELAXED_ORDERING },
	{ "scenario", required_argument, NULL, OPT_SCENARIO },
	{ "length", required_argument, NULL, OPT_LENGTH },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "while-registered", required_argument, NULL, OPT_COMMAND },
	{ "while-registered-out", required_argument, NULL, OPT_COMMAND_OUT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static const char help[] =
"usage: " PROGRAM " --accel ADDRESS --rdma DEVICE [OPTION]...\n"
"\n"
"Exports BAR memory of an accelerator as dma-bufs, says which steering tag\n"
"and processing hint belong to it, registers it with an RDMA device, writes\n"
"into it with RDMA WRITE, and checks what the accelerator received.\n"
"\n"
"  --accel ADDRESS        PCI address of a tph-accel that vfio-pci drives,\n"
"                         like 0000:02:00.0\n"
"  --rdma DEVICE          RDMA device, like mlx5_0\n"
"  --ns 8|16              namespace of the tag: 8-bit ST or 16-bit (Extended\n"
"                         TPH) ST; default 8\n"
"  --st TAG               steering tag, 0 to 0xff or 0xffff; default 0x5a\n"
"  --ph HINT              processing hint, 0 to 3; default 1\n"
"  --scenario LIST        comma-separated; default: all that apply\n"
"  --expect-hint yes      writes carry the hint that was set (default)\n"
"  --expect-hint lost:WHY they set out with it and arrive without it\n"
"  --expect-hint blocked:WHY\n"
"                         they set out with it and do not arrive\n"
"  --expect-hint no:WHY   the RDMA device cannot use it, and gives it back\n"
"                         WHY, here and above, is for the record\n"
"  --expect-set ERRNO     the hint cannot be set: EOPNOTSUPP, for example\n"
"  --relaxed-ordering     register the dma-buf with IBV_ACCESS_RELAXED_ORDERING;\n"
"                         an mlx5 device with ATS then translates addresses\n"
"                         itself: what it takes for a switch with ACS to send\n"
"                         its writes straight to the accelerator\n"
"  --length BYTES         of each RDMA WRITE, 4 to 65536, a multiple of 4;\n"
"                         default 4096\n"
"  --timeout SECONDS      of each wait, 1 to 3600; default 5\n"
"  --gid-index N          own GID, for Ethernet ports; default 0\n"
"  --json FILE            result as JSON; - is stdout, and the story then goes\n"
"                         to stderr\n"
"  --while-registered CMD run by sh -c in the scenarios marked * while the\n"
"                         dma-buf is registered, with SCENARIO, MKEY and\n"
"                         BAR_ADDRESS in its environment\n"
"  --while-registered-out FILE\n"
"                         its output goes to FILE.SCENARIO\n"
"  --help\n"
"\n"
"Scenarios:\n";

static const char help_end[] =
"\n"
"Numbers are decimal or 0x...; exit status 0: all checks hold, 1: not,\n"
"2: illegal command line, nothing was opened.\n";

static void print_help(void)
{
	const struct scenario *s;

	fputs(help, stdout);
	for (s = scenarios; s->name; s++)
		printf("  %-7s%c %s\n", s->name, s->runs_command ? '*' : ' ',
		       s->about);
	fputs(help_end, stdout);
}

/* No sign, no blank, no octal, nothing behind it. */
static bool parse_number(const char *text, unsigned long max,
			 unsigned long *value)
{
	bool hex = !strncmp(text, "0x", 2);
	const char *digits = hex ? text + 2 : text;
	size_t len = strlen(digits);

	if (!len || len > 10)
		return false;
	if (strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != len)
		return false;
	if (!hex && digits[0] == '0' && len > 1)
		return false;
	*value = strtoul(digits, NULL, hex ? 16 : 10);
	return *value <= max;
}

static bool number_option(const char *name, const char *text,
			  unsigned long min, unsigned long max,
			  unsigned long *value)
{
	if (parse_number(text, max, value) && *value >= min)
		return true;
	complain(0, "--%s %s: not a number from %lu to %lu (0x%lx)", name, text,
		 min, max, max);
	return false;
}

static size_t hex_digits(const char *text)
{
	size_t n = 0;

	while (isxdigit((unsigned char)text[n]))
		n++;
	return n;
}

/* [DOMAIN:]BUS:DEVICE.FUNCTION; sysfs wants the domain, and lower case. */
static bool parse_address(const char *text, char *address, size_t size)
{
	const char *at = text;
	size_t len, i;

	len = hex_digits(at);
	if (len >= 4 && len <= 8 && at[len] == ':')
		at += len + 1;
	if (hex_digits(at) != 2 || at[2] != ':' || hex_digits(at + 3) != 2 ||
	    at[5] != '.' || at[6] < '0' || at[6] > '7' || at[7])
		return false;

	snprintf(address, size, "%s%s", at == text ? "0000:" : "", text);
	for (i = 0; address[i]; i++)
		address[i] = tolower((unsigned char)address[i]);
	return true;
}

static bool accel_option(struct options *opt, const char *text)
{
	if (parse_address(text, opt->accel, sizeof(opt->accel)))
		return true;
	complain(0, "--accel %s: not a PCI address like 0000:02:00.0", text);
	return false;
}

/* The name goes into a comparison only, but an empty one is a mistake. */
static bool text_option(const char *name, const char *text, const char **value)
{
	*value = text;
	if (*text)
		return true;
	complain(0, "--%s: must not be empty", name);
	return false;
}

static bool ns_option(struct options *opt, const char *text)
{
	if (strcmp(text, "8") && strcmp(text, "16")) {
		complain(0, "--ns %s: 8 or 16", text);
		return false;
	}
	opt->ns = strcmp(text, "8") ? 16 : 8;
	return true;
}

static bool expect_option(struct options *opt, const char *text)
{
	static const struct {
		const char *word;
		enum fate fate;
	} fates[] = {
		{ "lost:", FATE_LOST },
		{ "blocked:", FATE_BLOCKED },
		{ "no:", FATE_UNUSED },
	};
	size_t i, len;

	opt->fate = FATE_ARRIVES;
	opt->fate_reason = NULL;
	if (!strcmp(text, "yes"))
		return true;
	for (i = 0; i < sizeof(fates) / sizeof(*fates); i++) {
		len = strlen(fates[i].word);
		if (strncmp(text, fates[i].word, len) || !text[len])
			continue;
		opt->fate = fates[i].fate;
		opt->fate_reason = text + len;
		return true;
	}
	complain(0, "--expect-hint %s: yes, or lost:, blocked: or no: and a reason",
		 text);
	return false;
}

static bool expect_set_option(struct options *opt, const char *text)
{
	int err;

	for (err = 1; err < ERRNO_END; err++) {
		if (strcmp(text, errno_name(err)))
			continue;
		opt->set_error = -err;
		return true;
	}
	complain(0, "--expect-set %s: not the name of an error", text);
	return false;
}

const char *fate_name(enum fate fate)
{
	static const char *const names[] = {
		[FATE_ARRIVES] = "arrives",
		[FATE_LOST] = "lost",
		[FATE_BLOCKED] = "blocked",
		[FATE_UNUSED] = "unused",
		[FATE_REFUSED] = "refused",
	};

	return names[fate];
}

static const struct scenario *find_scenario(const char *name, size_t len)
{
	const struct scenario *s;

	for (s = scenarios; s->name; s++)
		if (strlen(s->name) == len && !strncmp(s->name, name, len))
			return s;
	return NULL;
}

static bool applies(const struct options *opt, const struct scenario *s)
{
	return s->when & WHEN(opt->fate);
}

static bool add_scenario(struct options *opt, const char *name, size_t len)
{
	const struct scenario *s = find_scenario(name, len);

	if (!s) {
		complain(0, "--scenario: there is no scenario \"%.*s\" (see --help)",
			 (int)len, name);
		return false;
	}
	if (!applies(opt, s)) {
		complain(0, "--scenario %s: makes no sense for a hint that is expected to be: %s",
			 s->name, fate_name(opt->fate));
		return false;
	}
	if (opt->nr_scenarios == MAX_SCENARIOS) {
		complain(0, "--scenario: more than %d scenarios",
			 MAX_SCENARIOS);
		return false;
	}
	opt->scenarios[opt->nr_scenarios++] = s;
	return true;
}

static bool choose_scenarios(struct options *opt, const char *list)
{
	const struct scenario *s;
	size_t len;

	if (!list) {
		for (s = scenarios; s->name; s++)
			if (applies(opt, s))
				opt->scenarios[opt->nr_scenarios++] = s;
		return true;
	}
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		if (!add_scenario(opt, list, len))
			return false;
		if (!list[len])
			return true;
	}
}

/* Tag and namespace may come in any order on the command line. */
static bool check_tag(struct options *opt, unsigned long tag)
{
	if (opt->ns == 8 && tag > 0xff) {
		complain(0, "--st 0x%lx: an 8-bit tag is at most 0xff (--ns 16 for 16-bit ones)",
			 tag);
		return false;
	}
	opt->tag = tag;
	return true;
}

/* A hint that cannot be set has no other fate. */
static bool check_fate(struct options *opt)
{
	if (!opt->set_error)
		return true;
	if (opt->fate != FATE_ARRIVES) {
		complain(0, "--expect-set contradicts --expect-hint");
		return false;
	}
	opt->fate = FATE_REFUSED;
	opt->fate_reason = errno_name(-opt->set_error);
	return true;
}

static bool check_all(struct options *opt, unsigned long tag, const char *list)
{
	if (!opt->accel[0] || !opt->rdma) {
		complain(0, "--%s is missing (see --help)",
			 opt->rdma ? "accel" : "rdma");
		return false;
	}
	if (opt->command_out && !opt->command) {
		complain(0, "--while-registered-out needs --while-registered");
		return false;
	}
	if (opt->length % 4) {
		complain(0, "--length %u: not a multiple of 4", opt->length);
		return false;
	}
	return check_tag(opt, tag) && check_fate(opt) &&
	       choose_scenarios(opt, list);
}

struct numbers {
	unsigned long gid_index, tag, ph, length, timeout;
};

static bool take_option(struct options *opt, struct numbers *n,
			const char **list, int c, const char *arg)
{
	switch (c) {
	case OPT_ACCEL:
		return accel_option(opt, arg);
	case OPT_RDMA:
		return text_option("rdma", arg, &opt->rdma);
	case OPT_GID_INDEX:
		return number_option("gid-index", arg, 0, 255, &n->gid_index);
	case OPT_ST:
		return number_option("st", arg, 0, 0xffff, &n->tag);
	case OPT_PH:
		return number_option("ph", arg, 0, 3, &n->ph);
	case OPT_NS:
		return ns_option(opt, arg);
	case OPT_EXPECT_HINT:
		return expect_option(opt, arg);
	case OPT_EXPECT_SET:
		return expect_set_option(opt, arg);
	case OPT_RELAXED_ORDERING:
		opt->relaxed_ordering = true;
		return true;
	case OPT_SCENARIO:
		return text_option("scenario", arg, list);
	case OPT_LENGTH:
		return number_option("length", arg, 4, SLOT_SIZE, &n->length);
	case OPT_TIMEOUT:
		return number_option("timeout", arg, 1, 3600, &n->timeout);
	case OPT_JSON:
		return text_option("json", arg, &opt->json);
	case OPT_COMMAND:
		return text_option("while-registered", arg, &opt->command);
	case OPT_COMMAND_OUT:
		return text_option("while-registered-out", arg,
				   &opt->command_out);
	default:
		/* getopt_long() has said what is wrong. */
		return false;
	}
}

enum parsed options_parse(struct options *opt, int argc, char **argv)
{
	struct numbers n = {
		.tag = 0x5a, .ph = 1, .length = 4096, .timeout = 5,
	};
	const char *list = NULL;
	int c;

	*opt = (struct options) { .ns = 8, .fate = FATE_ARRIVES };
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == 'h') {
			print_help();
			return PARSED_HELP;
		}
		if (!take_option(opt, &n, &list, c, optarg))
			return PARSED_BAD;
	}
	if (optind < argc) {
		complain(0, "%s: not an option (see --help)", argv[optind]);
		return PARSED_BAD;
	}
	opt->gid_index = n.gid_index;
	opt->ph = n.ph;
	opt->length = n.length;
	opt->timeout = n.timeout;
	return check_all(opt, n.tag, list) ? PARSED_RUN : PARSED_BAD;
}
