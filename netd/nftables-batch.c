/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The buffer that a transaction is written into, and the elements' part of it. Elements are written
 * with libmnl directly: tens of thousands go into one batch. */

#include "netd/nftables-internal.h"

#include <endian.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "lib/base/str.h"
#include "netd/nftables-set.h"

#define MESSAGE_MAX  (68 * KIB) /* an attribute ends at 64 KiB */
#define ELEMENTS_MAX (60 * KIB) /* bytes of elements in a message */
#define BATCH_MAX    (512 * MIB)

static bool batch_room(Batch *batch)
{
        size_t wanted = batch->length + MESSAGE_MAX;
        char *data;

        if (batch->failed || wanted <= batch->allocated)
                return !batch->failed;
        wanted = MAX(wanted, 2 * batch->allocated);
        data = wanted > BATCH_MAX ? NULL : realloc(batch->data, wanted);
        if (!data) {
                batch->failed = true;
                return false;
        }
        batch->data = data;
        batch->allocated = wanted;
        return true;
}

struct nlmsghdr *batch_message(Batch *batch, uint16_t type, uint8_t family, uint16_t flags)
{
        struct nlmsghdr *message;
        struct nfgenmsg *header;

        if (!batch_room(batch))
                return NULL;
        message = mnl_nlmsg_put_header(batch->data + batch->length);
        message->nlmsg_type = (uint16_t) (NFNL_SUBSYS_NFTABLES << 8 | type);
        message->nlmsg_flags = (uint16_t) (NLM_F_REQUEST | flags);
        message->nlmsg_seq = batch->seq;
        header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        header->nfgen_family = family;
        header->version = NFNETLINK_V0;
        return message;
}

void batch_commit_message(Batch *batch, const struct nlmsghdr *message)
{
        batch->length += MNL_ALIGN(message->nlmsg_len);
}

void batch_control(Batch *batch, uint16_t type)
{
        struct nlmsghdr *message;
        struct nfgenmsg *header;

        if (!batch_room(batch))
                return;
        message = mnl_nlmsg_put_header(batch->data + batch->length);
        message->nlmsg_type = type;
        message->nlmsg_flags = NLM_F_REQUEST;
        message->nlmsg_seq = batch->seq;
        header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        header->version = NFNETLINK_V0;
        header->res_id = htobe16(NFNL_SUBSYS_NFTABLES);
        batch_commit_message(batch, message);
}

static void put_rate(struct nlmsghdr *message, const Element *element)
{
        struct nlattr *expression, *data;
        uint32_t rate;

        memcpy(&rate, element->data, 4);
        expression = mnl_attr_nest_start(message, NFTA_SET_ELEM_EXPR);
        mnl_attr_put_strz(message, NFTA_EXPR_NAME, "limit");
        data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
        mnl_attr_put_u64(message, NFTA_LIMIT_RATE, htobe64(rate));
        mnl_attr_put_u64(message, NFTA_LIMIT_UNIT, htobe64(1));
        mnl_attr_put_u32(message, NFTA_LIMIT_BURST, htobe32(rate));
        mnl_attr_put_u32(message, NFTA_LIMIT_TYPE, htobe32(NFT_LIMIT_PKTS));
        mnl_attr_put_u32(message, NFTA_LIMIT_FLAGS, htobe32(NFT_LIMIT_F_INV));
        mnl_attr_nest_end(message, data);
        mnl_attr_nest_end(message, expression);
}

static void put_element(struct nlmsghdr *message, const SetPlace *place, bool add,
                        const Element *element)
{
        struct nlattr *item, *value;

        assert(element->key_length == place->key_length);
        item = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
        value = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
        mnl_attr_put(message, NFTA_DATA_VALUE, element->key_length, element->key);
        mnl_attr_nest_end(message, value);
        if (element->end)
                mnl_attr_put_u32(message, NFTA_SET_ELEM_FLAGS, htobe32(NFT_SET_ELEM_INTERVAL_END));
        if (add && place->rate)
                put_rate(message, element);
        else if (add && place->object)
                mnl_attr_put_strz(message, NFTA_SET_ELEM_OBJREF, (const char *) element->data);
        else if (add && place->data_length > 0) {
                value = mnl_attr_nest_start(message, NFTA_SET_ELEM_DATA);
                mnl_attr_put(message, NFTA_DATA_VALUE, element->data_length, element->data);
                mnl_attr_nest_end(message, value);
        }
        mnl_attr_nest_end(message, item);
}

/* One message with as many elements of the same set as fit; returns how many. */
static size_t put_elements(Batch *batch, bool add, const Element *elements, size_t n)
{
        const SetPlace *place = nftables_set(elements[0].set);
        struct nlmsghdr *message;
        struct nlattr *list;
        size_t i = 0;

        message = batch_message(batch, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, place->family,
                                add ? NLM_F_CREATE : 0);
        if (!message)
                return n;
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, NFTABLES_TABLE);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, place->name);
        list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
        for (; i < n && elements[i].set == elements[0].set && message->nlmsg_len < ELEMENTS_MAX;
             i++)
                put_element(message, place, add, &elements[i]);
        mnl_attr_nest_end(message, list);
        batch_commit_message(batch, message);
        return i;
}

void batch_elements(Batch *batch, bool add, const Elements *elements)
{
        for (size_t i = 0; i < elements->n_items;)
                i += put_elements(batch, add, &elements->items[i], elements->n_items - i);
}

static uint32_t parse_rate(const struct nlattr *expression)
{
        const struct nlattr *attribute, *inner;

        mnl_attr_for_each_nested(attribute, expression)
        {
                if (mnl_attr_get_type(attribute) != NFTA_EXPR_DATA)
                        continue;
                mnl_attr_for_each_nested(inner, attribute)
                {
                        if (mnl_attr_get_type(inner) == NFTA_LIMIT_RATE)
                                return (uint32_t) be64toh(mnl_attr_get_u64(inner));
                }
        }
        return 0;
}

static void parse_value(const struct nlattr *value, uint8_t *bytes, size_t max, uint8_t *length)
{
        const struct nlattr *attribute;

        mnl_attr_for_each_nested(attribute, value)
        {
                size_t n = MIN((size_t) mnl_attr_get_payload_len(attribute), max);

                if (mnl_attr_get_type(attribute) != NFTA_DATA_VALUE)
                        continue;
                memcpy(bytes, mnl_attr_get_payload(attribute), n);
                *length = (uint8_t) n;
        }
}

static int parse_element(const struct nlattr *item, ElementSet set, Elements *elements)
{
        Element element = {.set = (uint8_t) set};
        const struct nlattr *attribute;

        mnl_attr_for_each_nested(attribute, item)
        {
                switch (mnl_attr_get_type(attribute)) {
                case NFTA_SET_ELEM_KEY:
                        parse_value(attribute, element.key, ELEMENT_KEY_MAX, &element.key_length);
                        break;
                case NFTA_SET_ELEM_DATA:
                        parse_value(attribute, element.data, ELEMENT_DATA_MAX,
                                    &element.data_length);
                        break;
                case NFTA_SET_ELEM_OBJREF:
                        strncpy((char *) element.data, mnl_attr_get_str(attribute),
                                ELEMENT_DATA_MAX - 1);
                        element.data_length = ELEMENT_DATA_MAX;
                        break;
                case NFTA_SET_ELEM_FLAGS:
                        element.end =
                                be32toh(mnl_attr_get_u32(attribute)) & NFT_SET_ELEM_INTERVAL_END;
                        break;
                case NFTA_SET_ELEM_EXPR: {
                        uint32_t rate = parse_rate(attribute);

                        memcpy(element.data, &rate, 4);
                        element.data_length = 4;
                        break;
                }
                default:
                        break;
                }
        }
        return elements_add(elements, &element);
}

int nftables_parse_elements(const struct nlmsghdr *message, ElementSet set, Elements *elements)
{
        const struct nlattr *attribute, *item;
        int r = 0;

        mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
        {
                if (mnl_attr_get_type(attribute) != NFTA_SET_ELEM_LIST_ELEMENTS)
                        continue;
                mnl_attr_for_each_nested(item, attribute)
                {
                        if (r == 0)
                                r = parse_element(item, set, elements);
                }
        }
        return r;
}
