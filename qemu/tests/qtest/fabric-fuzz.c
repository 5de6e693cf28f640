/*
 * Fuzzer of the PCI Express fabric, tph-accel and the virtual ConnectX
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A hostile guest: it sets everything up as a driver would, so that its
 * inputs get far, and then does what no driver does. A seed says which
 * topology there is and what the inputs are. QEMU's bottom halves run between
 * two inputs, so which of them finds a transfer under way can differ.
 *
 * Without arguments it runs the corpus, for QEMU's test runner. Environment:
 *
 *   FUZZ_SEED=N      run this seed alone
 *   FUZZ_SECONDS=N   run seeds from FUZZ_SEED on for as long
 *   FUZZ_INPUTS=N    inputs of a seed
 *   FUZZ_LOG=1       print each input
 *   FUZZ_QEMU=ARGS   more arguments for QEMU, such as -trace
 *
 * A crash, a failed assertion, a report of a sanitizer and a QEMU that does
 * not answer end the run; seed and last inputs are printed then.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "fabric-fuzz.h"

#define DEFAULT_INPUTS  400
#define ANSWER_SECONDS  120     /* for one input; a busy host is no hang */
#define LAST_NOTES      24
#define NOTE_SIZE       96

#define ACCEL_ID        0x7b01

/*
 * Seeds that run in the tests: one of each topology. What a seed found is no
 * reason to keep it here, for its inputs are others as soon as an action or a
 * topology changes: that becomes a test by itself.
 */
static const uint64_t corpus[] = { 0, 1, 2, 3, 4, 5, 6, 7 };

/* Ports whose slots have a power switch, so that functions can vanish */
#define SLOT    "hotplug=on,power_controller_present=on"
#define IOMMU   "-device intel-iommu,intremap=off,device-iotlb=on "

typedef struct Topology {
    const char *name;
    bool iommu;
    const char *arguments;
} Topology;

static const Topology topologies[] = {
    { "two-root-ports", false,
      "-device fabric-root-port,id=p0,chassis=1,addr=2,peer=keep," SLOT " "
      "-device fabric-root-port,id=p1,chassis=2,addr=3,peer=keep," SLOT " "
      "-device vhca,bus=p0,id=e0 -device tph-accel,bus=p1,id=e1,mem-size=1M" },
    { "switch", false,
      "-device fabric-root-port,id=p0,chassis=1,addr=2 "
      "-device fabric-upstream-port,id=u0,bus=p0 "
      "-device fabric-downstream-port,id=d0,bus=u0,chassis=2,slot=0,addr=0,"
      SLOT " "
      "-device fabric-downstream-port,id=d1,bus=u0,chassis=2,slot=1,addr=1,"
      SLOT " "
      "-device fabric-downstream-port,id=d2,bus=u0,chassis=2,slot=2,addr=2 "
      "-device vhca,bus=d0,id=e0 -device tph-accel,bus=d1,id=e1,mem-size=1M "
      "-device tph-accel,bus=d2,id=e2,mem-size=4K,completer=tph,st-entries=8" },
    { "switch-iommu", true,
      IOMMU
      "-device fabric-root-port,id=p0,chassis=1,addr=2 "
      "-device fabric-upstream-port,id=u0,bus=p0 "
      "-device fabric-downstream-port,id=d0,bus=u0,chassis=2,slot=0,addr=0,"
      SLOT " "
      "-device fabric-downstream-port,id=d1,bus=u0,chassis=2,slot=1,addr=1,"
      SLOT " "
      "-device vhca,bus=d0,id=e0 "
      "-device tph-accel,bus=d1,id=e1,mem-size=1M,ats=on" },
    { "two-root-ports-iommu", true,
      IOMMU
      "-object pcie-analyzer,id=a0,file=/dev/null,ports=p0:p1 "
      "-device fabric-root-port,id=p0,chassis=1,addr=2,peer=keep," SLOT " "
      "-device fabric-root-port,id=p1,chassis=2,addr=3,peer=keep," SLOT " "
      "-device vhca,bus=p0,id=e0 "
      "-device tph-accel,bus=p1,id=e1,mem-size=1M,ats=on" },
    { "two-level-switch", false,
      "-object pcie-analyzer,id=a0,file=/dev/null,ports=p0:u0:d0:d1:v0:c0 "
      "-device fabric-root-port,id=p0,chassis=1,addr=2 "
      "-device fabric-upstream-port,id=u0,bus=p0 "
      "-device fabric-downstream-port,id=d0,bus=u0,chassis=2,slot=0,addr=0,"
      SLOT " "
      "-device fabric-downstream-port,id=d1,bus=u0,chassis=2,slot=1,addr=1,"
      SLOT " "
      "-device fabric-upstream-port,id=v0,bus=d1 "
      "-device fabric-downstream-port,id=c0,bus=v0,chassis=3,slot=0,addr=0,"
      SLOT " "
      "-device vhca,bus=d0,id=e0 -device tph-accel,bus=c0,id=e1,mem-size=1M" },
    { "functions-of-a-device", false,
      "-device fabric-root-port,id=p0,chassis=1,addr=2,prefix=off,peer=keep "
      "-device pcie-root-port,id=p1,chassis=2,addr=3 "
      "-device tph-accel,bus=p0,addr=0.0,multifunction=on,mem-size=64K "
      "-device tph-accel,bus=p0,addr=0.1,multifunction=on,completer=none "
      "-device vhca,bus=p0,addr=0.2,multifunction=on,st-entries=0 "
      "-device tph-accel,bus=pcie.0,addr=5,mem-size=8K "
      "-device tph-accel,bus=p1,id=e1,mem-size=1M" },
    { "two-adapters", false,
      "-object pcie-analyzer,id=a0,file=/dev/null,ports=p0:p1,headers-only=on "
      "-device fabric-root-port,id=p0,chassis=1,addr=2,peer=refuse," SLOT " "
      "-device fabric-root-port,id=p1,chassis=2,addr=3,acs=off," SLOT " "
      "-device vhca,bus=p0,id=e0,lid=2 -device vhca,bus=p1,id=e1" },
    { "accelerators-iommu", true,
      IOMMU
      "-device fabric-root-port,id=p0,chassis=1,addr=2," SLOT " "
      "-device fabric-root-port,id=p1,chassis=2,addr=3 "
      "-device fabric-upstream-port,id=u0,bus=p1,prefix=off "
      "-device fabric-downstream-port,id=d0,bus=u0,chassis=3,slot=0,addr=0,"
      "acs=off," SLOT " "
      "-device fabric-downstream-port,id=d1,bus=u0,chassis=3,slot=1,addr=1,"
      SLOT " "
      "-device tph-accel,bus=p0,id=e0,st-entries=16,ats=on "
      "-device tph-accel,bus=d0,id=e1,mem-size=1M,ats=on "
      "-device tph-accel,bus=d1,id=e2,mem-size=64K,ats=on,"
      "x-translated-writes=on" },
};

/* Random numbers: SplitMix64 */

uint64_t fuzz_next(Fuzz *f)
{
    uint64_t x = f->state += 0x9e3779b97f4a7c15ull;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

unsigned int fuzz_pick(Fuzz *f, unsigned int n)
{
    return (fuzz_next(f) >> 32) % n;
}

bool fuzz_rarely(Fuzz *f, unsigned int n)
{
    return fuzz_pick(f, n) == 0;
}

uint64_t fuzz_value(Fuzz *f)
{
    switch (fuzz_pick(f, 6)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return 1ull << fuzz_pick(f, 64);
    case 3:
        return (1ull << fuzz_pick(f, 64)) - 1;
    case 4:
        return fuzz_pick(f, 64);
    default:
        return fuzz_next(f);
    }
}

uint32_t fuzz_bits(Fuzz *f, uint32_t old, uint32_t mask)
{
    if (fuzz_rarely(f, 3)) {
        return old & ~mask;
    }
    if (fuzz_rarely(f, 2)) {
        return old ^ (1u << fuzz_pick(f, 32) & mask);
    }
    return (old & ~mask) | (fuzz_next(f) & mask);
}

uint32_t fuzz_length(Fuzz *f)
{
    static const uint32_t length[] = {
        1, 3, 4, 8, 16, 64, 127, 128, 255, 512, 4 * KiB - 1, 4 * KiB,
        4 * KiB + 1, 64 * KiB, 1 * MiB, 0,
    };

    return fuzz_rarely(f, 8) ? fuzz_value(f)
                             : length[fuzz_pick(f, ARRAY_SIZE(length))];
}

LabFunction *fuzz_function(Fuzz *f)
{
    return &f->pci.function[fuzz_pick(f, MAX(f->pci.nr, 1))];
}

static uint64_t bar_address(Fuzz *f)
{
    static const unsigned int doorbells[] = {
        0x10, 0x14, 0x18, 0x400, 0x100, 0x120, 0x124, 0x140, 0x10020, 0x10040,
        0x10048, 0x10800, 0x10900, 0,
    };
    LabFunction *fn = fuzz_function(f);
    int n = fuzz_pick(f, LAB_MAX_BARS);

    if (!fn->bar_size[n]) {
        n = 0;
    }
    if (fuzz_rarely(f, 3)) {
        return fn->bar[n] + doorbells[fuzz_pick(f, ARRAY_SIZE(doorbells))];
    }
    /* Its end as well, and what is behind */
    return fn->bar[n] + (fuzz_rarely(f, 4) ? fn->bar_size[n] - 8 :
                         fuzz_pick(f, MAX(fn->bar_size[n], 1)));
}

/* Anything, or what may take a function off its bus */
static uint64_t config_address(Fuzz *f)
{
    LabFunction *fn = fuzz_function(f);

    return fn->cfg + (fuzz_rarely(f, 3) ? fn->exp + PCI_EXP_SLTCTL :
                                          fuzz_pick(f, 1024) & ~3);
}

static uint64_t odd_address(Fuzz *f)
{
    static const uint64_t odd[] = {
        0, 4 * KiB - 1, 0xa0000, FUZZ_RAM - 4, FUZZ_RAM, ECAM,
        0xfee00000, 0xfec00000, LAB_IOMMU, 4 * GiB - 4, 4 * GiB,
        UINT64_MAX - 3, 1ull << 39, 1ull << 52,
    };

    return odd[fuzz_pick(f, ARRAY_SIZE(odd))];
}

uint64_t fuzz_address(Fuzz *f)
{
    switch (fuzz_pick(f, 12)) {
    case 0 ... 3:
        return FUZZ_DATA + fuzz_pick(f, 8 * MiB);
    case 4:
        return VHCA_MEM + fuzz_pick(f, 2 * MiB);
    case 5 ... 8:
        return bar_address(f);
    case 9:
        return config_address(f);
    case 10:
        return odd_address(f);
    default:
        return fuzz_value(f);
    }
}

/* What was done last */

static Fuzz *current;
static char notes[LAST_NOTES][NOTE_SIZE];
static bool log_all;

void fuzz_note(Fuzz *f, const char *format, ...)
{
    char *note = notes[f->input % LAST_NOTES];
    int used = snprintf(note, NOTE_SIZE, "%u ", f->input);
    va_list ap;

    va_start(ap, format);
    vsnprintf(note + used, NOTE_SIZE - used, format, ap);
    va_end(ap);
    if (log_all) {
        fprintf(stderr, "%s\n", note);
    }
}

static void say_what_happened(void *opaque)
{
    if (!current) {
        return;
    }
    fprintf(stderr, "fabric-fuzz: failed after these inputs:\n");
    for (unsigned int i = 1; i <= LAST_NOTES; i++) {
        const char *note = notes[(current->input + i) % LAST_NOTES];

        if (*note) {
            fprintf(stderr, "  %s\n", note);
        }
    }
    fprintf(stderr, "fabric-fuzz: seed %" PRIu64 ", input %u\n",
            current->seed, current->input);
}

static void no_answer(int sig)
{
    static const char text[] = "fabric-fuzz: QEMU does not answer\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    abort();
}

/* Actions; those with more weight come more often */

static void clock_step(Fuzz *f)
{
    int64_t ns = 1 << fuzz_pick(f, 30);

    fuzz_note(f, "clock %" PRId64, ns);
    qtest_clock_step(f->qts, ns);
}

void fuzz_repair(Fuzz *f)
{
    fuzz_note(f, "repair");
    lab_enumerate(&f->pci, f->qts);
    if (f->has_iommu) {
        fuzz_iommu_start(f);
    }
    fuzz_vhca_start(f);
}

static const struct {
    FuzzAction *run;
    unsigned int weight;
    bool vhca;
} actions[] = {
    { fuzz_config, 14 },
    { fuzz_same_place, 3 },
    { fuzz_reset, 4 },
    { fuzz_replug, 1 },
    { fuzz_repair, 4 },
    { fuzz_msix, 6 },
    { fuzz_error_message, 6 },
    { fuzz_memory, 20 },
    { fuzz_mmio, 10 },
    { fuzz_iommu, 8 },
    { fuzz_accel_rule, 8 },
    { fuzz_accel_dma, 24 },
    { fuzz_accel_control, 6 },
    { clock_step, 8 },
    { fuzz_vhca_command, 20, true },
    { fuzz_vhca_create_qp, 5, true },
    { fuzz_vhca_connect, 14, true },
    { fuzz_vhca_mkey, 8, true },
    { fuzz_vhca_send, 36, true },
    { fuzz_vhca_recv, 10, true },
    { fuzz_vhca_doorbell, 10, true },
};

static FuzzAction *choose(Fuzz *f)
{
    unsigned int total = 0, at;

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        total += actions[i].weight;
    }
    at = fuzz_pick(f, total);
    for (size_t i = 0; ; i++) {
        if (at < actions[i].weight) {
            return actions[i].vhca && !f->has_vhca ? fuzz_accel_dma
                                                   : actions[i].run;
        }
        at -= actions[i].weight;
    }
}

static const Topology *topology_of(uint64_t seed)
{
    return &topologies[seed % ARRAY_SIZE(topologies)];
}

static void run_seed(uint64_t seed, unsigned int inputs)
{
    const Topology *topology = topology_of(seed);
    const char *more = getenv("FUZZ_QEMU");
    g_autofree Fuzz *f = g_new0(Fuzz, 1);

    f->seed = f->state = seed;
    f->has_iommu = topology->iommu;
    f->qts = qtest_initf("-machine q35,kernel-irqchip=split -m %d -nodefaults "
                         "-display none %s %s", (int)(FUZZ_RAM / MiB),
                         topology->arguments, more ? more : "");
    memset(notes, 0, sizeof(notes));
    current = f;
    alarm(ANSWER_SECONDS);
    fuzz_repair(f);
    for (f->input = 1; f->input <= inputs; f->input++) {
        alarm(ANSWER_SECONDS);
        choose(f)(f);
    }
    qtest_quit(f->qts);
    current = NULL;
    alarm(0);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? g_ascii_strtoull(text, NULL, 0) : otherwise;
}

static void test_seed(gconstpointer opaque)
{
    const uint64_t *seed = opaque;

    run_seed(*seed, number("FUZZ_INPUTS", DEFAULT_INPUTS));
}

static void add_seed(const uint64_t *seed)
{
    g_autofree char *path = g_strdup_printf("/fabric-fuzz/%s/%" PRIu64,
                                            topology_of(*seed)->name, *seed);

    qtest_add_data_func(path, seed, test_seed);
}

/* Seeds in turn, until the time is over */
static void test_many(void)
{
    gint64 begin = g_get_monotonic_time();
    gint64 end = begin + number("FUZZ_SECONDS", 0) * G_TIME_SPAN_SECOND;
    uint64_t first = number("FUZZ_SEED", 0), seed = first;
    unsigned int inputs = number("FUZZ_INPUTS", DEFAULT_INPUTS);
    double seconds;

    do {
        run_seed(seed++, inputs);
    } while (g_get_monotonic_time() < end);
    seconds = (g_get_monotonic_time() - begin) / 1e6;
    g_test_message("seeds %" PRIu64 " to %" PRIu64 ", %" PRIu64 " inputs in "
                   "%.0f s, %.0f per second", first, seed - 1,
                   (seed - first) * inputs, seconds,
                   (seed - first) * inputs / seconds);
}

int main(int argc, char **argv)
{
    static uint64_t one;

    g_test_init(&argc, &argv, NULL);
    log_all = number("FUZZ_LOG", 0);
    signal(SIGALRM, no_answer);
    qtest_add_abrt_handler(say_what_happened, NULL);
    if (getenv("FUZZ_SECONDS")) {
        qtest_add_func("/fabric-fuzz/many", test_many);
    } else if (getenv("FUZZ_SEED")) {
        one = number("FUZZ_SEED", 0);
        add_seed(&one);
    } else {
        for (size_t i = 0; i < ARRAY_SIZE(corpus); i++) {
            add_seed(&corpus[i]);
        }
    }
    return g_test_run();
}
