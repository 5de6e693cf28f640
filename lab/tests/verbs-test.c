/*
 * Tests of the verbs engine on the host, against a front end in memory
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Prints "ok - NAME" or "not ok - NAME" for each test, and a line that counts.
 */
#include "qemu/osdep.h"
#include "verbs-test.h"

bool failed;

bool sent(const MockQP *q, unsigned int i, VerbsStatus status, uint64_t id)
{
    const VerbsWC *wc = mock_wc(q, i);

    return !wc->recv && wc->status == status && wc->id == id;
}

bool received(const MockQP *q, unsigned int i, VerbsStatus status,
              uint64_t id)
{
    const VerbsWC *wc = mock_wc(q, i);

    return wc->recv && wc->status == status && wc->id == id;
}

bool in_state(const MockQP *q, VerbsQPState state)
{
    return verbs_qp_state(q->qp) == state;
}

void run(MockQP *q, VerbsSendWR wr)
{
    mock_post(q, wr);
    shim_settle();
}

static const VerbsTest *const subjects[] = {
    data_tests, protection_tests, flow_tests, service_tests, callback_tests,
};

int main(void)
{
    unsigned int nr_passed = 0;
    unsigned int nr_failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++) {
        for (const VerbsTest *test = subjects[i]; test->run; test++) {
            failed = false;
            mock_setup();
            test->run();
            mock_teardown();
            printf("%s - verbs: %s\n", failed ? "not ok" : "ok", test->name);
            nr_passed += !failed;
            nr_failed += failed;
        }
    }
    printf("%u passed, %u failed\n", nr_passed, nr_failed);
    return nr_failed != 0;
}
