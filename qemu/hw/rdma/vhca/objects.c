/*
 * Virtual ConnectX: tables of objects, and the objects that are only a number
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "qemu/units.h"

#define LAST_EQN        (VHCA_EQS - 1)
#define FIRST_CQN       0x80
#define LAST_CQN        (FIRST_CQN + 1023)
#define FIRST_QPN       0x40
#define LAST_QPN        (FIRST_QPN + 1023)
#define LAST_SRQN       1023
#define LAST_PD         0xffff
#define LAST_XRCD       1023
#define FIRST_MKEY      0x10    /* index 1 has the driver's invalid lkey */
#define LAST_MKEY       0xfffff

void vhca_table_init(VHCATable *table, uint32_t first, uint32_t last,
                     GDestroyNotify destroy)
{
    table->objects = g_hash_table_new_full(NULL, NULL, NULL, destroy);
    table->destroy = destroy;
    table->first = first;
    table->last = last;
    table->next = first;
}

void vhca_table_free(VHCATable *table)
{
    g_clear_pointer(&table->objects, g_hash_table_destroy);
}

void vhca_table_clear(VHCATable *table)
{
    g_hash_table_remove_all(table->objects);
    table->next = table->first;
}

void *vhca_table_get(const VHCATable *table, uint32_t id)
{
    return g_hash_table_lookup(table->objects, GUINT_TO_POINTER(id));
}

static uint32_t take_number(VHCATable *table)
{
    uint32_t id = table->next;

    table->next = id >= table->last ? table->first : id + 1;
    return id;
}

bool vhca_table_add(VHCATable *table, void *object, uint32_t *id)
{
    if (g_hash_table_size(table->objects) > table->last - table->first) {
        return false;
    }
    do {
        *id = take_number(table);
    } while (vhca_table_get(table, *id));
    g_hash_table_insert(table->objects, GUINT_TO_POINTER(*id), object);
    return true;
}

void vhca_table_remove(VHCATable *table, uint32_t id)
{
    g_hash_table_remove(table->objects, GUINT_TO_POINTER(id));
}

void vhca_objects_init(VHCAState *s)
{
    vhca_table_init(&s->eqs, 0, LAST_EQN, vhca_eq_destroy);
    vhca_table_init(&s->cqs, FIRST_CQN, LAST_CQN, vhca_cq_destroy);
    vhca_table_init(&s->qps, FIRST_QPN, LAST_QPN, vhca_qp_destroy);
    vhca_table_init(&s->srqs, 1, LAST_SRQN, vhca_srq_destroy);
    vhca_table_init(&s->pds, 1, LAST_PD, g_free);
    vhca_table_init(&s->uars, VHCA_FIRST_UAR, VHCA_FIRST_UAR, g_free);
    vhca_table_init(&s->xrcds, 1, LAST_XRCD, g_free);
    vhca_table_init(&s->mkeys, FIRST_MKEY, LAST_MKEY, NULL);
}

static gboolean drop_mkey(void *key, void *value, void *opaque)
{
    vhca_mkey_free(opaque, value);
    return true;
}

void vhca_objects_clear(VHCAState *s)
{
    vhca_table_clear(&s->qps);
    g_hash_table_foreach_remove(s->mkeys.objects, drop_mkey, s);
    vhca_table_clear(&s->mkeys);
    vhca_table_clear(&s->srqs);
    vhca_table_clear(&s->cqs);
    vhca_table_clear(&s->eqs);
    vhca_table_clear(&s->pds);
    vhca_table_clear(&s->xrcds);
    vhca_table_clear(&s->uars);
    verbs_device_reset(s->verbs);
}

void vhca_objects_free(VHCAState *s)
{
    vhca_objects_clear(s);
    vhca_table_free(&s->qps);
    vhca_table_free(&s->mkeys);
    vhca_table_free(&s->srqs);
    vhca_table_free(&s->cqs);
    vhca_table_free(&s->eqs);
    vhca_table_free(&s->pds);
    vhca_table_free(&s->xrcds);
    vhca_table_free(&s->uars);
}

bool vhca_object_create(VHCATable *table, void *object, VHCACmd *cmd)
{
    VHCAObject *base = object;

    if (cmd->status == VHCA_OK && !vhca_table_add(table, base, &base->id)) {
        vhca_cmd_fail(cmd, VHCA_LIMIT, 0xfa);
    }
    if (cmd->status != VHCA_OK) {
        table->destroy(object);
        return false;
    }
    ifc_set(cmd->out, CMD_OUT_ID, base->id);
    return true;
}

void *vhca_object_find(const VHCATable *table, VHCACmd *cmd)
{
    void *object = vhca_table_get(table, ifc_get(cmd->in, CMD_IN_ID));

    if (!object) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 0xf9);
    }
    return object;
}

void vhca_object_destroy(VHCATable *table, VHCACmd *cmd)
{
    VHCAObject *object = vhca_object_find(table, cmd);

    if (object && object->users) {
        vhca_cmd_fail(cmd, VHCA_RESOURCE_BUSY, 0xf8);
    } else if (object) {
        vhca_table_remove(table, object->id);
    }
}

void *vhca_object_take(const VHCATable *table, uint32_t id)
{
    VHCAObject *object = vhca_table_get(table, id);

    if (object) {
        object->users++;
    }
    return object;
}

void vhca_object_put(void *object)
{
    VHCAObject *base = object;

    if (base) {
        base->users--;
    }
}

void vhca_alloc_pd(VHCAState *s, VHCACmd *cmd)
{
    vhca_object_create(&s->pds, g_new0(VHCAObject, 1), cmd);
}

void vhca_dealloc_pd(VHCAState *s, VHCACmd *cmd)
{
    vhca_object_destroy(&s->pds, cmd);
}

void vhca_alloc_uar(VHCAState *s, VHCACmd *cmd)
{
    vhca_object_create(&s->uars, g_new0(VHCAUar, 1), cmd);
}

void vhca_dealloc_uar(VHCAState *s, VHCACmd *cmd)
{
    vhca_object_destroy(&s->uars, cmd);
}

void vhca_alloc_xrcd(VHCAState *s, VHCACmd *cmd)
{
    vhca_object_create(&s->xrcds, g_new0(VHCAObject, 1), cmd);
}

void vhca_dealloc_xrcd(VHCAState *s, VHCACmd *cmd)
{
    vhca_object_destroy(&s->xrcds, cmd);
}
