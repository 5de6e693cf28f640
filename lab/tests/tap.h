/*
 * Lines of test results
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static int tap_failed;

/** ok(): one test. Returns @pass */
__attribute__((format(printf, 2, 3), unused))
static bool ok(bool pass, const char *format, ...)
{
    va_list ap;

    tap_failed += !pass;
    fputs(pass ? "ok - " : "not ok - ", stdout);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    return pass;
}

/** tap_random(): the same sequence in each run (xorshift64*) */
__attribute__((unused))
static uint64_t tap_random(void)
{
    static uint64_t x = 0x9e3779b97f4a7c15u;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    return x * 0x2545f4914f6cdd1du;
}

#endif
