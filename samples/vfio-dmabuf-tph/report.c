// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <string.h>

#include "report.h"
#include "say.h"

/* One place more than fits is a failure of the program, and not silent. */
static struct check *new_check(struct result *r)
{
	if (r->nr_checks == MAX_CHECKS) {
		complain(0, "%s: more than %d checks", r->name, MAX_CHECKS);
		r->checks[MAX_CHECKS - 1].ok = false;
		return NULL;
	}
	return &r->checks[r->nr_checks++];
}

bool result_check_text(struct result *r, const char *what,
		       const char *expected, const char *found)
{
	struct check *c = new_check(r);

	if (!c)
		return false;
	snprintf(c->what, sizeof(c->what), "%s", what);
	snprintf(c->expected, sizeof(c->expected), "%s", expected);
	snprintf(c->found, sizeof(c->found), "%s", found);
	c->ok = !strcmp(expected, found);
	if (c->ok)
		return true;

	say("  %s: %s: expected %s, found %s\n", r->name, what, expected,
	    found);
	if (!r->error[0])
		snprintf(r->error, sizeof(r->error),
			 "%.60s: expected %.60s, found %.60s", what, expected,
			 found);
	return false;
}

bool result_check_number(struct result *r, const char *what, __u64 expected,
			 __u64 found)
{
	char expected_text[24], found_text[24];

	snprintf(expected_text, sizeof(expected_text), "%llu", expected);
	snprintf(found_text, sizeof(found_text), "%llu", found);
	return result_check_text(r, what, expected_text, found_text);
}

bool result_check_error(struct result *r, const char *what, int expected,
			int found)
{
	return result_check_text(r, what, errno_name(-expected),
				 errno_name(-found));
}

/* A scenario that checked nothing has shown nothing. */
bool result_ok(const struct result *r)
{
	unsigned int i;

	for (i = 0; i < r->nr_checks; i++)
		if (!r->checks[i].ok)
			return false;
	return r->nr_checks > 0;
}

bool report_ok(const struct report *report)
{
	unsigned int i;

	for (i = 0; i < report->nr_results; i++)
		if (!result_ok(&report->results[i]))
			return false;
	return !report->error && report->nr_results > 0;
}

static void put_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

/* An empty or absent string is null. */
static void put_text(FILE *f, const char *name, const char *s)
{
	fprintf(f, "\"%s\": ", name);
	if (s && *s)
		put_string(f, s);
	else
		fputs("null", f);
}

static const char *boolean(bool value)
{
	return value ? "true" : "false";
}

static void put_count(FILE *f, const char *name, const struct accel_count *c)
{
	fprintf(f, "      \"%s\": {\"tlps\": %llu, \"bytes\": %llu},\n", name,
		c->tlps, c->bytes);
}

static void put_keys(FILE *f, const struct result *r)
{
	if (r->registered)
		fprintf(f, "      \"lkey\": \"0x%x\", \"rkey\": \"0x%x\",\n",
			r->lkey, r->rkey);
	else
		fprintf(f, "      \"lkey\": null, \"rkey\": null,\n");
}

static void put_checks(FILE *f, const struct result *r)
{
	unsigned int i;

	fprintf(f, "      \"checks\": [");
	for (i = 0; i < r->nr_checks; i++) {
		const struct check *c = &r->checks[i];

		fprintf(f, "%s\n        {\"ok\": %s, ", i ? "," : "",
			boolean(c->ok));
		put_text(f, "what", c->what);
		fputs(", ", f);
		put_text(f, "expected", c->expected);
		fputs(", ", f);
		put_text(f, "found", c->found);
		fputc('}', f);
	}
	fprintf(f, "\n      ]");
}

static void put_result(FILE *f, const struct result *r)
{
	fprintf(f, "    {\n      ");
	put_text(f, "name", r->name);
	fprintf(f, ", \"ok\": %s,\n", boolean(result_ok(r)));
	fprintf(f, "      \"expected_hint\": %s,\n",
		boolean(r->expected_hint));
	fprintf(f, "      \"bar_address\": \"0x%llx\", \"bar_length\": %llu,\n",
		r->bar_address, r->bar_length);
	fprintf(f, "      \"length\": %u, \"writes\": %u, \"failed_writes\": %u,\n",
		r->length, r->writes, r->failed_writes);
	put_count(f, "rule", &r->counters.rule);
	put_count(f, "plain", &r->counters.plain);
	put_count(f, "other", &r->counters.other);
	put_count(f, "read", &r->counters.read);
	fprintf(f, "      \"last\": {\"th\": %u, \"ph\": %u, \"st\": %u, \"ns\": %u},\n",
		r->last.th, r->last.ph, r->last.st, r->last.ns);
	put_keys(f, r);
	fprintf(f, "      ");
	put_text(f, "error", r->error);
	fprintf(f, ",\n");
	put_checks(f, r);
	fprintf(f, "\n    }");
}

static void put_report(FILE *f, const struct report *report)
{
	const struct options *opt = report->opt;
	unsigned int i;

	fprintf(f, "{\n  \"ok\": %s,\n  ", boolean(report_ok(report)));
	put_text(f, "accel", opt->accel);
	fprintf(f, ",\n  ");
	put_text(f, "rdma", opt->rdma);
	fprintf(f, ",\n  \"ns\": %u, \"st\": %u, \"ph\": %u,\n", opt->ns,
		opt->tag, opt->ph);
	fprintf(f, "  \"relaxed_ordering\": %s,\n",
		boolean(opt->relaxed_ordering));
	fprintf(f, "  ");
	put_text(f, "expected", fate_name(opt->fate));
	fprintf(f, ", ");
	put_text(f, "reason", opt->fate_reason);
	fprintf(f, ",\n  ");
	put_text(f, "error", report->error);
	fprintf(f, ",\n  \"scenarios\": [");
	for (i = 0; i < report->nr_results; i++) {
		fprintf(f, "%s\n", i ? "," : "");
		put_result(f, &report->results[i]);
	}
	fprintf(f, "\n  ]\n}\n");
}

int report_write(const struct report *report)
{
	const char *path = report->opt->json;
	FILE *f = stdout;
	bool failed;

	if (!path)
		return 0;
	if (strcmp(path, "-")) {
		f = fopen(path, "we");
		if (!f)
			return complain(errno, "%s", path);
	}
	put_report(f, report);
	failed = fflush(f) || ferror(f);
	if (f != stdout)
		failed = fclose(f) || failed;
	return failed ? complain(EIO, "%s", path) : 0;
}
