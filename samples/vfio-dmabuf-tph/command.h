/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A shell command of the user's, run while something is held for it. */
#ifndef SAMPLE_TPH_COMMAND_H
#define SAMPLE_TPH_COMMAND_H

/*
 * command_run(): sh -c @command, stdout to the file @output (or to where the
 * story goes if NULL, so that it never mixes with JSON on stdout).
 *
 * Returns the exit status, or a negative errno: -ETIMEDOUT if it did not end
 * within @timeout seconds and was killed, -EINTR if a signal ended it.
 */
int command_run(const char *command, const char *output, unsigned int timeout);

#endif
