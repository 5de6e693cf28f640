// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Steering tags to the values that an mkey takes for them
 *
 * An mkey does not hold a steering tag but an index into the ST table of the
 * device (or, where the device has no table, 8 bits of tag). The table is
 * small and shared by all mkeys of the device, whoever chose the tag: a CPU's
 * tag for a DMA handle, an exporter's tag for a dma-buf.
 */

#include <kunit/static_stub.h>
#include <linux/mlx5/driver.h>
#include <linux/pci-tph.h>
#include <linux/slab.h>

#include "lib/st_tags.h"

/**
 * mlx5_st_tags_init - Start with no tag in use
 * @tags: to be initialised
 * @num_entries: size of the device's ST table, the reserved entry 0 included;
 *	0 for a device without one (direct mode)
 *
 * Return: 0 or -ENOMEM
 */
int mlx5_st_tags_init(struct mlx5_st_tags *tags, u16 num_entries)
{
	u16 i;

	mutex_init(&tags->lock);
	xa_init(&tags->by_tag);
	INIT_LIST_HEAD(&tags->unused);
	tags->num_entries = num_entries;
	if (!num_entries)
		return 0;

	tags->entries = kzalloc_objs(*tags->entries, num_entries);
	if (!tags->entries)
		return -ENOMEM;

	for (i = MLX5_MKC_PCIE_TPH_NO_STEERING_TAG_INDEX + 1; i < num_entries; i++)
		list_add_tail(&tags->entries[i].unused, &tags->unused);

	return 0;
}

/**
 * mlx5_st_tags_destroy - The end of what mlx5_st_tags_init() started
 * @tags: must have no user left
 */
void mlx5_st_tags_destroy(struct mlx5_st_tags *tags)
{
	mlx5_st_tags_forget(tags);
	xa_destroy(&tags->by_tag);
	kfree(tags->entries);
	mutex_destroy(&tags->lock);
}

/**
 * mlx5_st_tags_forget - Do not rely on what released entries still hold
 * @tags: the tags of a device that may have lost its ST table, as in a reset;
 *	must have no user left
 */
void mlx5_st_tags_forget(struct mlx5_st_tags *tags)
{
	struct mlx5_st_entry *entry;

	mutex_lock(&tags->lock);
	list_for_each_entry(entry, &tags->unused, unused) {
		if (!entry->tag)
			continue;
		xa_erase(&tags->by_tag, entry->tag);
		entry->tag = 0;
	}
	/* What is left is in use, and nobody is going to write it again */
	WARN_ON_ONCE(!xa_empty(&tags->by_tag));
	mutex_unlock(&tags->lock);
}

/* Make an unused entry hold @tag; it stays unused */
static struct mlx5_st_entry *
mlx5_st_tags_write(struct mlx5_st_tags *tags, struct pci_dev *pdev, u16 tag)
{
	struct mlx5_st_entry *entry;
	int err;

	lockdep_assert_held(&tags->lock);

	entry = list_first_entry_or_null(&tags->unused, struct mlx5_st_entry,
					 unused);
	if (!entry)
		return ERR_PTR(-ENOSPC);

	err = xa_insert(&tags->by_tag, tag, entry, GFP_KERNEL);
	if (err)
		return ERR_PTR(err);

	if (entry->tag)
		xa_erase(&tags->by_tag, entry->tag);
	entry->tag = tag;

	err = pcie_tph_set_st_entry(pdev, entry - tags->entries, tag);
	if (err) {
		/* Whatever the entry holds now, it is not to be found again */
		xa_erase(&tags->by_tag, tag);
		entry->tag = 0;
		return ERR_PTR(err);
	}

	return entry;
}

/**
 * mlx5_st_tags_get - Find or make the entry of the ST table that holds a tag
 * @tags: the tags of a device with an ST table
 * @pdev: the function that has the table
 * @tag: the tag
 * @st_index: where the index of the entry goes, untouched on error
 *
 * An entry keeps its tag after its last user has left, until another tag
 * needs the place. So a tag that comes and goes costs no write to the table,
 * and that matters: TPH is off for the whole function meanwhile, and what
 * other mkeys send just then has no hint.
 *
 * Return: 0, or -ENOSPC when all entries are in use for other tags, or the
 * error that kept the entry from being made.
 */
int mlx5_st_tags_get(struct mlx5_st_tags *tags, struct pci_dev *pdev, u16 tag,
		     u16 *st_index)
{
	struct mlx5_st_entry *entry;
	int err = 0;

	/*
	 * On the wire tag 0 is the same as no tag, and that needs no entry: the
	 * reserved one, which nobody writes, holds it since the last reset.
	 */
	if (!tag) {
		*st_index = MLX5_MKC_PCIE_TPH_NO_STEERING_TAG_INDEX;
		return 0;
	}

	mutex_lock(&tags->lock);
	entry = xa_load(&tags->by_tag, tag);
	if (!entry)
		entry = mlx5_st_tags_write(tags, pdev, tag);
	if (IS_ERR(entry)) {
		err = PTR_ERR(entry);
		goto unlock;
	}

	if (!entry->users++)
		list_del(&entry->unused);
	*st_index = entry - tags->entries;
unlock:
	mutex_unlock(&tags->lock);
	return err;
}

/**
 * mlx5_st_tags_put - One user of an entry of the ST table has left
 * @tags: the tags of a device with an ST table
 * @st_index: what mlx5_st_tags_get() gave
 *
 * Return: 0, or -EINVAL for an entry that has no user
 */
int mlx5_st_tags_put(struct mlx5_st_tags *tags, u16 st_index)
{
	struct mlx5_st_entry *entry;
	int err = 0;

	if (st_index == MLX5_MKC_PCIE_TPH_NO_STEERING_TAG_INDEX)
		return 0;
	if (WARN_ON_ONCE(st_index >= tags->num_entries))
		return -EINVAL;

	mutex_lock(&tags->lock);
	entry = &tags->entries[st_index];
	if (WARN_ON_ONCE(!entry->users))
		err = -EINVAL;
	else if (!--entry->users)
		list_add_tail(&entry->unused, &tags->unused);
	mutex_unlock(&tags->lock);
	return err;
}

/**
 * mlx5_st_alloc_index_by_tag - Get what an mkey takes for a steering tag
 * @dev: the mlx5 device that is going to send the tag
 * @tag: the tag, of the namespace that pcie_tph_enabled_req_type() names
 * @st_index: where the value for the pcie_tph_steering_tag_index field of an
 *	mkey goes; untouched on error
 *
 * Users of the same tag share an index. Each of them gives it back with
 * mlx5_st_dealloc_index(), after the last mkey that uses it is gone.
 *
 * May sleep. Callers should not hold the reservation lock of a dma-buf: writing
 * an entry takes time, and one mutex serialises it for all users of @dev.
 *
 * Return:
 * * %0 - @st_index is valid and in use
 * * %-EOPNOTSUPP - @dev does not send steering tags
 * * %-ERANGE - @dev has no ST table, and @tag does not fit an mkey
 * * %-ENOSPC - all entries of the ST table are in use for other tags
 * * %-ENOMEM - no memory to remember the entry with
 * * another error - of the write to the ST table, as of a device that has gone
 */
int mlx5_st_alloc_index_by_tag(struct mlx5_core_dev *dev, u16 tag, u16 *st_index)
{
	struct mlx5_st_tags *tags = mlx5_st_tags(dev);

	KUNIT_STATIC_STUB_REDIRECT(mlx5_st_alloc_index_by_tag, dev, tag, st_index);

	if (!tags)
		return -EOPNOTSUPP;

	if (tags->num_entries)
		return mlx5_st_tags_get(tags, dev->pdev, tag, st_index);

	/* The mkey has room for fewer bits than an extended tag has */
	if (tag > __mlx5_mask(mkc, pcie_tph_steering_tag_index))
		return -ERANGE;

	*st_index = tag;
	return 0;
}
EXPORT_SYMBOL_GPL(mlx5_st_alloc_index_by_tag);
