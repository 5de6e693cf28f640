/*
 * Bottom halves and timers without a main loop: the test is the loop
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stdint.h>

/** shim_poll(): run each scheduled bottom half once; false: there was none */
bool shim_poll(void);
/** shim_settle(): run bottom halves until none is scheduled; returns turns */
unsigned int shim_settle(void);
/** shim_advance(): let virtual time pass, with what falls due in it */
void shim_advance(int64_t ns);
/** shim_next_timer(): until the next timer, or -1 */
int64_t shim_next_timer(void);

#endif
