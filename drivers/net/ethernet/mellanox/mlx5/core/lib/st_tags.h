/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Which steering tags are in use, and in which entry of the ST table each is
 */

#ifndef __MLX5_LIB_ST_TAGS_H__
#define __MLX5_LIB_ST_TAGS_H__

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct mlx5_core_dev;
struct pci_dev;

/**
 * struct mlx5_st_entry - one entry of the ST table
 * @unused: in &mlx5_st_tags.unused while nobody uses the entry
 * @users: how many do
 * @tag: what the entry holds, also after the last user has left; 0: nothing yet
 */
struct mlx5_st_entry {
	struct list_head unused;
	unsigned int users;
	u16 tag;
};

/**
 * struct mlx5_st_tags - the steering tags of a device
 * @lock: serialises everything below, and writes to the device's table
 * @by_tag: tag -> entry, so that a lookup costs the same in a full table
 * @unused: entries without a user, the one longest without a user first
 * @entries: one for each entry of the device's table, by its index; entry 0 is
 *	reserved for "no steering tag". NULL in direct mode: the device has no
 *	table and takes the tags themselves as indexes.
 * @num_entries: how many, entry 0 included; 0 in direct mode
 */
struct mlx5_st_tags {
	struct mutex lock; /* serialises all of this */
	struct xarray by_tag;
	struct list_head unused;
	struct mlx5_st_entry *entries;
	u16 num_entries;
};

int mlx5_st_tags_init(struct mlx5_st_tags *tags, u16 num_entries);
void mlx5_st_tags_destroy(struct mlx5_st_tags *tags);
void mlx5_st_tags_forget(struct mlx5_st_tags *tags);
int mlx5_st_tags_get(struct mlx5_st_tags *tags, struct pci_dev *pdev, u16 tag,
		     u16 *st_index);
int mlx5_st_tags_put(struct mlx5_st_tags *tags, u16 st_index);

struct mlx5_st_tags *mlx5_st_tags(struct mlx5_core_dev *dev);

#endif /* __MLX5_LIB_ST_TAGS_H__ */
