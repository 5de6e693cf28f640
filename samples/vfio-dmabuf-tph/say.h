/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the program tells its user: the story on one stream, complaints on
 * stderr. The last complaint is kept for the JSON result.
 */
#ifndef SAMPLE_TPH_SAY_H
#define SAMPLE_TPH_SAY_H

#include <stdio.h>

#define PROGRAM "vfio-dmabuf-tph"

/* say_to(): where the story goes; stdout unless told otherwise */
void say_to(FILE *stream);
int say_fd(void);
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * complain(): print a complaint; @err, if not zero, is a positive errno whose
 * text is appended. Returns -@err, or -EINVAL if @err is zero, so that a
 * caller can return what complain() returns.
 */
int complain(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
const char *last_complaint(void);

/* More than any errno that the kernel returns to programs */
#define ERRNO_END 134

/* errno_name(): "EBUSY" for EBUSY, "success" for 0 */
const char *errno_name(int err);

#endif
