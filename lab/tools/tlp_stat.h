/*
 * How many TLPs of which kind
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TLP_STAT_H
#define TLP_STAT_H

#include <stdio.h>

#include "tlp_record.h"

typedef struct TLPStat TLPStat;

/** tlp_stat_new(): NULL if there is no memory */
TLPStat *tlp_stat_new(void);

/** tlp_stat_add(): count one TLP. Returns false if there is no memory */
bool tlp_stat_add(TLPStat *s, const TLPRecord *rec);

/** tlp_stat_print(): the table, sorted; ends the counting */
void tlp_stat_print(TLPStat *s, FILE *out);

void tlp_stat_free(TLPStat *s);

#endif
