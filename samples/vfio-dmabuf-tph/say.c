// SPDX-License-Identifier: GPL-2.0-only OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "say.h"

static FILE *story;
static char complaint[512];

void say_to(FILE *stream)
{
	story = stream;
}

static FILE *story_stream(void)
{
	return story ? story : stdout;
}

int say_fd(void)
{
	return fileno(story_stream());
}

void say(const char *fmt, ...)
{
	FILE *stream = story_stream();
	va_list args;

	va_start(args, fmt);
	vfprintf(stream, fmt, args);
	va_end(args);
	/* Complaints and a child's output must not overtake the story. */
	fflush(stream);
}

int complain(int err, const char *fmt, ...)
{
	va_list args;
	size_t len;

	va_start(args, fmt);
	vsnprintf(complaint, sizeof(complaint), fmt, args);
	va_end(args);
	len = strlen(complaint);
	if (err)
		snprintf(complaint + len, sizeof(complaint) - len, ": %s",
			 strerror(err));
	fprintf(stderr, PROGRAM ": %s\n", complaint);
	return err ? -err : -EINVAL;
}

const char *last_complaint(void)
{
	return complaint;
}

const char *errno_name(int err)
{
	const char *name = err ? strerrorname_np(err) : "success";

	return name ? name : "an unknown error";
}
