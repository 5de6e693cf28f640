/*
 * What the tests of the verbs engine have in common; a file for each subject
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef VERBS_TEST_H
#define VERBS_TEST_H

#include "shim.h"
#include "verbs-mock.h"

/* Of the test that runs */
extern bool failed;

#define EXPECT(cond) do {                                               \
        if (!(cond)) {                                                  \
            printf("# %s:%d: %s\n", __func__, __LINE__, #cond);         \
            failed = true;                                              \
        }                                                               \
    } while (0)

#define A (&mock.a)
#define B (&mock.b)

/** sent(), received(): completion @i of @q is one, with these contents */
bool sent(const MockQP *q, unsigned int i, VerbsStatus status, uint64_t id);
bool received(const MockQP *q, unsigned int i, VerbsStatus status,
              uint64_t id);
bool in_state(const MockQP *q, VerbsQPState state);
/** run(): post it and let everything happen */
void run(MockQP *q, VerbsSendWR wr);

typedef struct VerbsTest {
    const char *name;
    void (*run)(void);
} VerbsTest;

#define TEST(name) { #name, test_##name }

/* Each ends with an empty entry */
extern const VerbsTest data_tests[];
extern const VerbsTest protection_tests[];
extern const VerbsTest flow_tests[];
extern const VerbsTest service_tests[];
extern const VerbsTest callback_tests[];

#endif
