// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vfio-dmabuf-tph: peer-to-peer writes that carry a PCIe steering tag
 *
 * The owner of an accelerator exports some of its BAR memory as a dma-buf
 * (vfio.c, dmabuf.c), says which steering tag (ST) and processing hint (PH)
 * writers are to use, and hands the dma-buf to an RDMA device (rdma.c). Every
 * write of the RDMA device into that memory then is a TLP with that tag.
 *
 * To copy from: dmabuf.c is the whole of the interface, slot.c shows its use:
 * slot_open(), slot_set_hint(), slot_register(), in that order. accel.c knows
 * the lab's accelerator, which counts tags and acts on them; with it
 * scenario.c shows that the tag arrives.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accel.h"
#include "dmabuf.h"
#include "options.h"
#include "rdma.h"
#include "report.h"
#include "say.h"
#include "scenario.h"
#include "slot.h"
#include "vfio.h"

/*
 * Ask before acting: which tags can this device take? -EOPNOTSUPP from the
 * probe is the device's answer, another error the kernel's.
 */
static int ask_namespaces(struct vfio_device *vfio, __u32 *flags)
{
	int ret;

	*flags = 0;
	ret = dmabuf_probe_tph(vfio);
	if (ret && ret != -EOPNOTSUPP)
		return complain(-ret, "%s: the kernel has no VFIO_DEVICE_FEATURE_DMA_BUF_TPH",
				vfio->address);
	if (!ret)
		ret = dmabuf_tph_namespaces(vfio, flags);
	if (ret && ret != -EOPNOTSUPP)
		return complain(-ret, "%s: cannot ask for its tag namespaces",
				vfio->address);
	say("accelerator %s takes%s%s%s tags\n", vfio->address,
	    *flags & VFIO_DMA_BUF_TPH_ST ? " 8-bit" : "",
	    *flags & VFIO_DMA_BUF_TPH_ST_EXT ? " 16-bit" : "",
	    *flags ? "" : " no");
	return 0;
}

static int check_namespace(struct vfio_device *vfio, const struct options *opt,
			   __u32 *flags)
{
	__u32 need = opt->ns == 16 ? VFIO_DMA_BUF_TPH_ST_EXT :
				     VFIO_DMA_BUF_TPH_ST;
	int ret;

	ret = ask_namespaces(vfio, flags);
	if (ret)
		return ret;
	if (opt->fate != FATE_REFUSED && !(*flags & need))
		return complain(EOPNOTSUPP, "%s takes no %u-bit tags",
				vfio->address, opt->ns);
	return 0;
}

static void tell(const struct setup *setup)
{
	const struct options *opt = setup->opt;

	say("its memory: %llu KiB in BAR %d at 0x%llx\n",
	    setup->accel->mem_size / 1024, TPH_ACCEL_MEM_BAR,
	    setup->accel->mem_address);
	if (setup->rdma->port.link_layer == IBV_LINK_LAYER_ETHERNET)
		say("RDMA device %s, Ethernet, GID %d, writes to itself\n",
		    opt->rdma, opt->gid_index);
	else
		say("RDMA device %s, InfiniBand, LID %u, writes to itself\n",
		    opt->rdma, setup->rdma->port.lid);
	say("hint: %u-bit tag 0x%x, PH %u%s%s\n", opt->ns, opt->tag, opt->ph,
	    opt->fate_reason ? "; not to be seen: " : "",
	    opt->fate_reason ? opt->fate_reason : "");
}

static void run_scenarios(const struct setup *setup, struct report *report)
{
	const struct options *opt = setup->opt;
	unsigned int i, failed = 0;

	for (i = 0; i < opt->nr_scenarios; i++) {
		struct result *r = &report->results[report->nr_results++];

		scenario_run(opt->scenarios[i], setup, i, r);
		if (!result_ok(r))
			failed++;
	}
	say("%u scenarios, %u failed\n", opt->nr_scenarios, failed);
}

/* Opens the two devices around the scenarios. */
static int run(const struct options *opt, struct report *report)
{
	struct vfio_device vfio;
	struct accel accel;
	struct rdma rdma = {
		.name = opt->rdma,
		.timeout = opt->timeout,
		.gid_index = opt->gid_index,
		.relaxed_ordering = opt->relaxed_ordering,
	};
	struct setup setup = {
		.opt = opt,
		.vfio = &vfio,
		.accel = &accel,
		.rdma = &rdma,
	};
	int ret;

	ret = vfio_open(&vfio, opt->accel);
	if (ret)
		return ret;
	ret = check_namespace(&vfio, opt, &setup.namespaces);
	if (ret)
		goto out_vfio;
	ret = accel_open(&accel, &vfio, opt->nr_scenarios * SLOT_SIZE);
	if (ret)
		goto out_vfio;
	ret = rdma_open(&rdma, SLOT_SIZE);
	if (ret)
		goto out_accel;

	tell(&setup);
	run_scenarios(&setup, report);

	rdma_close(&rdma);
out_accel:
	accel_close(&accel);
out_vfio:
	vfio_close(&vfio);
	return ret;
}

int main(int argc, char **argv)
{
	static struct report report;
	struct options opt;

	switch (options_parse(&opt, argc, argv)) {
	case PARSED_HELP:
		return 0;
	case PARSED_BAD:
		return 2;
	case PARSED_RUN:
		break;
	}
	if (opt.json && !strcmp(opt.json, "-"))
		say_to(stderr);

	report.opt = &opt;
	if (run(&opt, &report))
		report.error = last_complaint();
	if (report_write(&report))
		return 1;
	return report_ok(&report) ? 0 : 1;
}
