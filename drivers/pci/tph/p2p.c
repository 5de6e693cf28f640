// SPDX-License-Identifier: GPL-2.0
/*
 * TPH (TLP Processing Hints) between peer devices
 *
 * A hint towards system memory is for the root complex, and a driver gets both
 * the Steering Tag and the permission to use it from the same place. Between
 * peers three parties have to agree: the requester, which has to be enabled to
 * send the kind of tag in question, the completer, which has to be able to take
 * it, and the driver of the completer, which alone knows what its tags mean.
 * The helpers here answer for the first two.
 */
#include <linux/bitfield.h>
#include <linux/export.h>
#include <linux/pci.h>
#include <linux/pci-tph.h>

/**
 * pcie_tph_enabled_req_type - Tell what kind of TPH requests a device may send
 * @pdev: the requester
 *
 * The type that pcie_enable_tph() settled for. The device's TPH Requester Enable
 * field says the same, but for the moments in which pcie_tph_set_st_entry() has
 * TPH disabled. A driver that builds requests with hints asks
 * this to know whether it needs an 8-bit Steering Tag or a 16-bit one: they are
 * different namespaces, and a tag of one must not be used as one of the other.
 *
 * The caller has to make sure that TPH is neither enabled nor disabled for
 * @pdev at the same time; the driver that is bound to @pdev is the one who
 * does that.
 *
 * Return:
 * * PCI_TPH_REQ_DISABLE: TPH is not enabled, requests must not carry hints
 * * PCI_TPH_REQ_TPH_ONLY: requests may carry 8-bit Steering Tags
 * * PCI_TPH_REQ_EXT_TPH: requests may carry 16-bit Steering Tags
 */
u8 pcie_tph_enabled_req_type(struct pci_dev *pdev)
{
	return pdev->tph_enabled ? pdev->tph_req_type : PCI_TPH_REQ_DISABLE;
}
EXPORT_SYMBOL_GPL(pcie_tph_enabled_req_type);

/**
 * pcie_tph_completer_type - Tell what kind of TPH requests a device can take
 * @pdev: the completer, an endpoint or a Root Port
 *
 * This is not about @pdev's own requests, for which it may be capable of less,
 * of more, or of nothing. A completer of Extended TPH that End-End TLP Prefixes
 * cannot reach is reported as one of plain TPH, since a request with a 16-bit
 * tag would be a Malformed TLP for some port on the way. That goes by what the
 * ports are capable of; one that has been told to block prefixes is not noticed.
 *
 * The function reads config space. Exporters of a device's memory should
 * ask once and remember the answer, while they know that the device is there.
 *
 * Return:
 * * PCI_EXP_DEVCAP2_TPH_COMP_NONE: no hints, or @pdev does not answer
 * * PCI_EXP_DEVCAP2_TPH_COMP_TPH_ONLY: 8-bit Steering Tags
 * * PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH: 8-bit and 16-bit Steering Tags
 */
u8 pcie_tph_completer_type(struct pci_dev *pdev)
{
	u32 reg;

	if (pcie_capability_read_dword(pdev, PCI_EXP_DEVCAP2, &reg) ||
	    PCI_POSSIBLE_ERROR(reg))
		return PCI_EXP_DEVCAP2_TPH_COMP_NONE;

	switch (FIELD_GET(PCI_EXP_DEVCAP2_TPH_COMP_MASK, reg)) {
	case PCI_EXP_DEVCAP2_TPH_COMP_TPH_ONLY:
		return PCI_EXP_DEVCAP2_TPH_COMP_TPH_ONLY;
	case PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH:
		return pdev->eetlp_prefix_max ?
			PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH :
			PCI_EXP_DEVCAP2_TPH_COMP_TPH_ONLY;
	default:	/* 10b is reserved and promises nothing */
		return PCI_EXP_DEVCAP2_TPH_COMP_NONE;
	}
}
EXPORT_SYMBOL_GPL(pcie_tph_completer_type);
