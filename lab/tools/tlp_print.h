/*
 * One TLP as text
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TLP_PRINT_H
#define TLP_PRINT_H

#include <stdio.h>

#include "tlp_record.h"

/** tlp_print_line(): for people, on one line */
void tlp_print_line(FILE *out, const TLPRecord *rec);

/** tlp_print_json(): for programs, one object on one line; @n: its number */
void tlp_print_json(FILE *out, const TLPRecord *rec, uint64_t n);

/** tlp_print_fields(): each field, and where in the bytes it is */
void tlp_print_fields(FILE *out, const TLPRecord *rec, uint64_t n);

#endif
