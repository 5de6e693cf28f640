/*
 * QEMU's lists by way of the C library's, which have the same calls
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef SHIM_QEMU_QUEUE_H
#define SHIM_QEMU_QUEUE_H

#include <sys/queue.h>

#define QTAILQ_HEAD         TAILQ_HEAD
#define QTAILQ_ENTRY        TAILQ_ENTRY
#define QTAILQ_INIT         TAILQ_INIT
#define QTAILQ_FIRST        TAILQ_FIRST
#define QTAILQ_EMPTY        TAILQ_EMPTY
#define QTAILQ_INSERT_TAIL  TAILQ_INSERT_TAIL
#define QTAILQ_REMOVE       TAILQ_REMOVE

#define QSLIST_HEAD         SLIST_HEAD
#define QSLIST_ENTRY        SLIST_ENTRY
#define QSLIST_INIT         SLIST_INIT
#define QSLIST_FIRST        SLIST_FIRST
#define QSLIST_INSERT_HEAD  SLIST_INSERT_HEAD
#define QSLIST_REMOVE_HEAD  SLIST_REMOVE_HEAD

#endif
