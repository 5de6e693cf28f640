// SPDX-License-Identifier: GPL-2.0
/*
 * PCIe processing hints for the memory of a DMA-buf
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/export.h>

/**
 * DOC: PCIe processing hints
 *
 * A PCIe request can carry a TPH (TLP Processing Hints, PCIe r6.0 sec 6.17): a
 * two bit Processing Hint (PH) and a Steering Tag (ST) of 8 or of 16 bits. What
 * a tag means is up to the device that receives it, and for peer-to-peer
 * requests that is the device whose memory a DMA-buf is. Its exporter is the
 * only one who can know the right tag, and the importer is the only one who can
 * put it on the requests: it asks with dma_buf_get_pci_tph().
 *
 * 8-bit and 16-bit tags are two namespaces. An exporter may have a hint in one,
 * in both or in none of them, and nobody ever converts between them.
 *
 * The importer asks through its attachment, so that the exporter can see who is
 * going to send the requests.
 *
 * A hint that an importer took stays true until the importer gives it back, with
 * dma_buf_put_pci_tph() or by detaching. Hardware that burns hints into objects
 * of its own, as RDMA devices do with memory keys, could not follow a change.
 * The core remembers which attachments took one, and exporters must refuse to
 * change a buffer's hint while dma_buf_pci_tph_taken() says so. Revoking the
 * buffer is possible at any time and does not give hints back.
 *
 * Hints are about performance, for an ordinary completer: an importer that
 * cannot use the hint that it was given goes on without one. That does not hold
 * for errors: all but -EOPNOTSUPP mean that the memory is not to be used.
 */

static int query(struct dma_buf_attachment *attach, bool extended,
		 u16 *steering_tag, u8 *ph)
{
	const struct dma_buf_ops *ops = attach->dmabuf->ops;
	u16 st = 0;
	u8 hint = 0;
	int ret;

	if (!ops->get_pci_tph)
		return -EOPNOTSUPP;

	ret = ops->get_pci_tph(attach, extended, &st, &hint);
	if (ret)
		return ret;

	/* Importers put these into fields of that width */
	if (WARN_ON_ONCE(hint > 3 || (!extended && st > U8_MAX)))
		return -EINVAL;

	*steering_tag = st;
	*ph = hint;
	return 0;
}

/**
 * dma_buf_get_pci_tph - take the hint for PCIe requests to a DMA-buf's memory
 * @attach:		[in]	attachment of the device that will send them
 * @extended:		[in]	ask for a 16-bit Steering Tag, not an 8-bit one
 * @steering_tag:	[out]	the Steering Tag, any value is legal
 * @ph:			[out]	the Processing Hint, 0 to 3
 *
 * Asks the exporter for a hint in one of the two namespaces; the device's
 * driver knows which one its device is enabled for, for instance from
 * pcie_tph_enabled_req_type(). On success the hint is taken: it stays true until
 * the importer calls dma_buf_put_pci_tph() or dma_buf_detach(). An attachment
 * that holds one may ask again.
 *
 * Must be called with the reservation lock of the DMA-buf held. An importer that
 * maps and asks under one hold of the lock knows that both answers belong
 * together.
 *
 * Returns:
 *
 * 0 on success. On failure @steering_tag and @ph are untouched and nothing new
 * is taken. -EOPNOTSUPP means that there is no hint in that namespace: send
 * requests without one. Any other error means that the buffer must not be used,
 * in particular -ENODEV that it is revoked or that its device is gone.
 */
int dma_buf_get_pci_tph(struct dma_buf_attachment *attach, bool extended,
			u16 *steering_tag, u8 *ph)
{
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

	ret = query(attach, extended, steering_tag, ph);
	if (!ret)
		attach->pci_tph_taken = true;
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_get_pci_tph, "DMA_BUF");

/**
 * dma_buf_claim_no_pci_tph - make sure that a DMA-buf has no hint of its own
 * @attach:	[in]	attachment of a device that will send requests with hints
 *			that are not the exporter's
 *
 * A user may have asked the importer for hints of another origin, such as the
 * Steering Tag of a CPU. They must not reach a device that gives its tags a
 * meaning of its own. On success, the exporter has no hint in any namespace,
 * and as after dma_buf_get_pci_tph() this stays true until the importer calls
 * dma_buf_put_pci_tph() or dma_buf_detach().
 *
 * Must be called with the reservation lock of the DMA-buf held.
 *
 * Returns:
 *
 * 0 on success, -EINVAL if the exporter has a hint. Any other error, as with
 * dma_buf_get_pci_tph(), means that the buffer must not be used.
 */
int dma_buf_claim_no_pci_tph(struct dma_buf_attachment *attach)
{
	bool extended = false;
	u16 st;
	u8 ph;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

	do {
		ret = query(attach, extended, &st, &ph);
		if (ret != -EOPNOTSUPP)
			return ret ?: -EINVAL;
		extended = !extended;
	} while (extended);

	attach->pci_tph_taken = true;
	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_claim_no_pci_tph, "DMA_BUF");

/**
 * dma_buf_put_pci_tph - give back the hint of a DMA-buf
 * @attach:	[in]	attachment that may have taken it
 *
 * To be called when no request to the buffer can carry the hint any more, or
 * when the importer could not use what it took. Detaching does the same, and an
 * attachment that took nothing may call this too.
 *
 * Must be called with the reservation lock of the DMA-buf held.
 */
void dma_buf_put_pci_tph(struct dma_buf_attachment *attach)
{
	dma_resv_assert_held(attach->dmabuf->resv);

	attach->pci_tph_taken = false;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_put_pci_tph, "DMA_BUF");

/**
 * dma_buf_pci_tph_taken - may an exporter change the hint of a DMA-buf?
 * @dmabuf:	[in]	the exporter's buffer
 *
 * For exporters. While this returns true, &dma_buf_ops.get_pci_tph must go on
 * giving the answers that it gave, but for -ENODEV while the buffer is revoked,
 * and a request to change them has to fail, with -EBUSY.
 *
 * Must be called with the reservation lock of the DMA-buf held, and the change
 * has to be made under the same hold of the lock.
 *
 * Returns: true if an attachment relies on the hint, or on there being none.
 */
bool dma_buf_pci_tph_taken(struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;

	dma_resv_assert_held(dmabuf->resv);

	list_for_each_entry(attach, &dmabuf->attachments, node)
		if (attach->pci_tph_taken)
			return true;
	return false;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pci_tph_taken, "DMA_BUF");
