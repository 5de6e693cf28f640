/*
 * tlpdump: show the TLPs of a capture
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tlp_filter.h"
#include "tlp_print.h"
#include "tlp_stat.h"

enum {
    EXIT_OK = 0,
    EXIT_UNEXPECTED = 1,
    EXIT_TROUBLE = 2,
};

typedef enum Mode {
    MODE_LINES,
    MODE_JSON,
    MODE_COUNT,
    MODE_STAT,
    MODE_DECODE,
    MODE_QUIET,
} Mode;

typedef struct Options {
    Mode mode;
    bool mode_given;
    uint64_t decode;            /* the number of the TLP, from 1 */
    bool expect;
    uint64_t expect_min, expect_max;
    TLPFilter filter;
    const char *path;
} Options;

typedef struct Run {
    const Options *options;
    TLPStat *stat;
    uint64_t matches;
    uint64_t others;            /* packets that are no TLP */
} Run;

static const char usage_text[] =
"usage: tlpdump [options] FILE\n"
"\n"
"Prints one line per TLP of a pcapng capture in NetTLP framing (UDP ports\n"
"12288 to 20479); '-' is standard input. TLPs that cannot be decoded or\n"
"break a rule are shown with the reason in parentheses.\n"
"\n"
"Which TLPs (all conditions must hold; a condition on a field holds only for\n"
"TLPs that have it):\n"
"  --port NAME           seen at this port\n"
"  --dir in|out          into the port from its link, or out of it\n"
"  --type TYPE           MRd MWr FetchAdd Swap CAS Cpl CplD; may be repeated\n"
"  --addr LO-HI, LO+LEN  touches this range (hex; HI is not part of it)\n"
"  --requester BB:DD.F   from, or for completions to, this requester\n"
"  --th 0|1              requests without or with a hint\n"
"  --ph N                with this processing hint, 0 to 3\n"
"  --st TAG              with this steering tag\n"
"  --ns 8|16             with a tag of this namespace\n"
"  --bad                 cannot be decoded, or breaks a rule\n"
"\n"
"What to print (one of):\n"
"  --json                one JSON object per TLP and line\n"
"  --count               the number of TLPs\n"
"  --stat                a table: port, direction, type, hint\n"
"  --decode N            the Nth of these TLPs (from 1), field by field\n"
"  --quiet               nothing\n"
"\n"
"  --expect N            demand N of these TLPs; also MIN.., ..MAX, MIN..MAX\n"
"  --help                this text\n"
"\n"
"Exit status: 0; 1 if --expect or --decode finds another number of TLPs;\n"
"2 for wrong usage and for a file that is damaged (what precedes the damage\n"
"is printed).\n";

static void complain(const char *what, const char *why)
{
    fprintf(stderr, "tlpdump: %s: %s\n", what, why);
}

/* Options */

static const char *parse_mode(Options *o, Mode mode)
{
    if (o->mode_given && o->mode != mode) {
        return "only one kind of output, please";
    }
    o->mode = mode;
    o->mode_given = true;
    return NULL;
}

static const char *parse_decode(Options *o, const char *text)
{
    if (!tlp_parse_number(text, 10, UINT64_MAX, &o->decode) || !o->decode) {
        return "must be a number from 1 on";
    }
    return parse_mode(o, MODE_DECODE);
}

/* Up to @len characters of a bound; an empty one leaves *@value */
static bool parse_bound(const char *text, size_t len, uint64_t *value)
{
    char copy[32];

    if (len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = 0;
    return !len || tlp_parse_number(copy, 10, UINT64_MAX, value);
}

static const char *parse_expect(Options *o, const char *text)
{
    static const char usage[] = "must be N, MIN.., ..MAX or MIN..MAX";
    const char *dots = strstr(text, "..");
    size_t len = dots ? (size_t)(dots - text) : strlen(text);

    o->expect = true;
    o->expect_min = 0;
    o->expect_max = UINT64_MAX;
    if (!strcmp(text, "..") || !*text ||
        !parse_bound(text, len, &o->expect_min) ||
        (dots && !parse_bound(dots + 2, strlen(dots + 2), &o->expect_max))) {
        return usage;
    }
    if (!dots) {
        o->expect_max = o->expect_min;
    }
    return o->expect_min > o->expect_max ? "MIN is above MAX" : NULL;
}

enum {
    OPT_PORT = 256, OPT_DIR, OPT_TYPE, OPT_ADDR, OPT_REQUESTER, OPT_TH,
    OPT_PH, OPT_ST, OPT_NS, OPT_BAD, OPT_JSON, OPT_COUNT, OPT_STAT,
    OPT_DECODE, OPT_QUIET, OPT_EXPECT, OPT_HELP,
};

static const struct option long_options[] = {
    { "port", required_argument, NULL, OPT_PORT },
    { "dir", required_argument, NULL, OPT_DIR },
    { "type", required_argument, NULL, OPT_TYPE },
    { "addr", required_argument, NULL, OPT_ADDR },
    { "requester", required_argument, NULL, OPT_REQUESTER },
    { "th", required_argument, NULL, OPT_TH },
    { "ph", required_argument, NULL, OPT_PH },
    { "st", required_argument, NULL, OPT_ST },
    { "ns", required_argument, NULL, OPT_NS },
    { "bad", no_argument, NULL, OPT_BAD },
    { "json", no_argument, NULL, OPT_JSON },
    { "count", no_argument, NULL, OPT_COUNT },
    { "stat", no_argument, NULL, OPT_STAT },
    { "decode", required_argument, NULL, OPT_DECODE },
    { "quiet", no_argument, NULL, OPT_QUIET },
    { "expect", required_argument, NULL, OPT_EXPECT },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

/* Returns NULL or what is wrong with the option */
static const char *parse_option(Options *o, int option, const char *arg)
{
    switch (option) {
    case OPT_PORT:
        o->filter.port = arg;
        return NULL;
    case OPT_DIR:
        return tlp_filter_direction(&o->filter, arg);
    case OPT_TYPE:
        return tlp_filter_type(&o->filter, arg);
    case OPT_ADDR:
        return tlp_filter_addr(&o->filter, arg);
    case OPT_REQUESTER:
        return tlp_filter_requester(&o->filter, arg);
    case OPT_TH:
        return tlp_filter_th(&o->filter, arg);
    case OPT_PH:
        return tlp_filter_ph(&o->filter, arg);
    case OPT_ST:
        return tlp_filter_st(&o->filter, arg);
    case OPT_NS:
        return tlp_filter_ns(&o->filter, arg);
    case OPT_BAD:
        o->filter.bad = true;
        return NULL;
    case OPT_JSON:
        return parse_mode(o, MODE_JSON);
    case OPT_COUNT:
        return parse_mode(o, MODE_COUNT);
    case OPT_STAT:
        return parse_mode(o, MODE_STAT);
    case OPT_DECODE:
        return parse_decode(o, arg);
    case OPT_QUIET:
        return parse_mode(o, MODE_QUIET);
    case OPT_EXPECT:
        return parse_expect(o, arg);
    }
    return "unknown option";
}

static void parse_options(Options *o, int argc, char **argv)
{
    int option, index;

    while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        const char *wrong;

        if (option == OPT_HELP) {
            fputs(usage_text, stdout);
            exit(EXIT_OK);
        }
        if (option == '?') {
            exit(EXIT_TROUBLE);     /* getopt has said why */
        }
        wrong = parse_option(o, option, optarg);
        if (wrong) {
            fprintf(stderr, "tlpdump: --%s: %s\n", long_options[index].name,
                    wrong);
            exit(EXIT_TROUBLE);
        }
    }
    if (argc - optind != 1) {
        fputs("tlpdump: exactly one FILE, please (--help for more)\n", stderr);
        exit(EXIT_TROUBLE);
    }
    o->path = argv[optind];
}

/* The run */

static bool handle_match(Run *run, const TLPRecord *rec)
{
    run->matches++;
    switch (run->options->mode) {
    case MODE_LINES:
        tlp_print_line(stdout, rec);
        break;
    case MODE_JSON:
        tlp_print_json(stdout, rec, run->matches);
        break;
    case MODE_DECODE:
        if (run->matches == run->options->decode) {
            tlp_print_fields(stdout, rec, run->matches);
        }
        break;
    case MODE_STAT:
        return tlp_stat_add(run->stat, rec);
    case MODE_COUNT:
    case MODE_QUIET:
        break;
    }
    return true;
}

/* Returns EXIT_OK or EXIT_TROUBLE */
static int read_capture(Run *run, PcapngReader *reader)
{
    const Options *o = run->options;
    PcapngPacket packet;
    TLPRecord rec;
    int ret;

    while ((ret = pcapng_read_next(reader, &packet)) > 0) {
        if (!tlp_record_from_packet(&rec, &packet)) {
            run->others++;
        } else if (tlp_filter_match(&o->filter, &rec) &&
                   !handle_match(run, &rec)) {
            complain(o->path, "no memory");
            return EXIT_TROUBLE;
        }
    }
    if (ret < 0) {
        fflush(stdout);     /* what was there comes before the complaint */
        complain(o->path, pcapng_read_error(reader));
        return EXIT_TROUBLE;
    }
    return EXIT_OK;
}

static void print_totals(const Run *run)
{
    if (run->options->mode == MODE_COUNT) {
        printf("%" PRIu64 "\n", run->matches);
    } else if (run->options->mode == MODE_STAT) {
        tlp_stat_print(run->stat, stdout);
    }
    if (run->others) {
        fflush(stdout);
        fprintf(stderr, "tlpdump: %s: skipped %" PRIu64
                " packets that are not NetTLP\n", run->options->path,
                run->others);
    }
}

/* Returns EXIT_OK or EXIT_UNEXPECTED */
static int check_expectations(const Run *run)
{
    const Options *o = run->options;
    int ret = EXIT_OK;

    if (o->mode == MODE_DECODE && run->matches < o->decode) {
        fprintf(stderr, "tlpdump: %s: no TLP %" PRIu64 ": only %" PRIu64
                " match\n", o->path, o->decode, run->matches);
        ret = EXIT_UNEXPECTED;
    }
    if (o->expect && (run->matches < o->expect_min ||
                      run->matches > o->expect_max)) {
        fprintf(stderr, "tlpdump: %s: %" PRIu64 " TLPs match, expected ",
                o->path, run->matches);
        if (o->expect_max == UINT64_MAX) {
            fprintf(stderr, "at least %" PRIu64 "\n", o->expect_min);
        } else if (o->expect_min == o->expect_max) {
            fprintf(stderr, "%" PRIu64 "\n", o->expect_min);
        } else {
            fprintf(stderr, "%" PRIu64 " to %" PRIu64 "\n", o->expect_min,
                    o->expect_max);
        }
        ret = EXIT_UNEXPECTED;
    }
    return ret;
}

static int run_tlpdump(const Options *o)
{
    Run run = { .options = o };
    PcapngReader *reader = pcapng_read_open(o->path);
    int trouble, unexpected;

    run.stat = tlp_stat_new();
    if (!reader || !run.stat) {
        complain(o->path, "no memory");
        return EXIT_TROUBLE;
    }
    trouble = read_capture(&run, reader);
    print_totals(&run);
    unexpected = check_expectations(&run);
    tlp_stat_free(run.stat);
    pcapng_read_close(reader);
    if (fflush(stdout) || ferror(stdout)) {
        complain("standard output", "cannot write");
        trouble = EXIT_TROUBLE;
    }
    return trouble ? trouble : unexpected;
}

int main(int argc, char **argv)
{
    Options options = { .filter = TLP_FILTER_INIT };

    parse_options(&options, argc, argv);
    return run_tlpdump(&options);
}
