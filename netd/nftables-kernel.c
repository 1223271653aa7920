/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Talking to nf_tables: dumps, and transactions in one sendmsg. The kernel works while sendmsg
 * runs, so all its answers are there when it returns. */

#include "netd/nftables-internal.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "lib/base/str.h"
#include "netd/nftables-set.h"

#define ANSWER_MAX (64 * KIB)
#define SEQ_COMMIT 0xffffff /* of the message whose acknowledgement is waited for */

struct Nftables {
        struct mnl_socket *socket;
        char *answer;
        bool exists[2]; /* the tables: inet, bridge */
};

/* What another version's tables have to tell. */
static const ElementSet kept[] = {SET_BUCKET, SET_SHARE, SET_HOST, SET_AGAIN, SET_FENCED};

static const uint8_t families[2] = {NFPROTO_INET, NFPROTO_BRIDGE};

int nftables_new(Nftables **ret_nftables)
{
        _cleanup_(nftables_freep) Nftables *nftables = calloc(1, sizeof(*nftables));
        int one = 1;

        if (!nftables)
                return -ENOMEM;
        nftables->answer = malloc(ANSWER_MAX);
        if (!nftables->answer)
                return -ENOMEM;
        nftables->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
        if (!nftables->socket)
                return -errno;
        if (mnl_socket_bind(nftables->socket, 0, MNL_SOCKET_AUTOPID) < 0)
                return -errno;
        if (mnl_socket_setsockopt(nftables->socket, NETLINK_EXT_ACK, &one, sizeof(one)) < 0 ||
            mnl_socket_setsockopt(nftables->socket, NETLINK_CAP_ACK, &one, sizeof(one)) < 0)
                return -errno;
        *ret_nftables = TAKE_PTR(nftables);
        return 0;
}

void nftables_free(Nftables *nftables)
{
        if (!nftables)
                return;
        if (nftables->socket)
                mnl_socket_close(nftables->socket);
        free(nftables->answer);
        free(nftables);
}

/* A dump: each answer goes to @each with @userdata. -ENOENT when there is no such thing. */
static int dump(Nftables *nftables, const struct nlmsghdr *request, mnl_cb_t each, void *userdata)
{
        unsigned port = mnl_socket_get_portid(nftables->socket);
        ssize_t n;
        int r = MNL_CB_OK;

        if (mnl_socket_sendto(nftables->socket, request, request->nlmsg_len) < 0)
                return -errno;
        while (r > MNL_CB_STOP) {
                n = mnl_socket_recvfrom(nftables->socket, nftables->answer, ANSWER_MAX);
                if (n < 0)
                        return -errno;
                r = mnl_cb_run(nftables->answer, (size_t) n, request->nlmsg_seq, port, each,
                               userdata);
                if (r < 0)
                        return errno == EINTR ? -EAGAIN : -errno;
        }
        return 0;
}

typedef struct TableFound {
        bool exists;
        uint64_t digest;
        unsigned rules;
} TableFound;

static int on_table(const struct nlmsghdr *message, void *userdata)
{
        TableFound *found = userdata;
        const struct nlattr *attribute;

        if ((message->nlmsg_type & 0xff) != NFT_MSG_NEWTABLE)
                return MNL_CB_OK;
        found->exists = true;
        mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
        {
                if (mnl_attr_get_type(attribute) == NFTA_TABLE_USERDATA &&
                    mnl_attr_get_payload_len(attribute) == sizeof(found->digest))
                        memcpy(&found->digest, mnl_attr_get_payload(attribute),
                               sizeof(found->digest));
        }
        return MNL_CB_STOP;
}

static int on_rule(const struct nlmsghdr *message, void *userdata)
{
        ((TableFound *) userdata)->rules++;
        return MNL_CB_OK;
}

static int find_table(Nftables *nftables, uint8_t family, TableFound *ret_found)
{
        char data[512];
        Batch batch = {.data = data, .allocated = SIZE_MAX, .seq = 1};
        TableFound found = {};
        struct nlmsghdr *message;
        int r;

        message = batch_message(&batch, NFT_MSG_GETTABLE, family, 0);
        mnl_attr_put_strz(message, NFTA_TABLE_NAME, NFTABLES_TABLE);
        r = dump(nftables, message, on_table, &found);
        if (r == -ENOENT) {
                *ret_found = (TableFound) {};
                return 0;
        }
        if (r < 0)
                return r;
        message = batch_message(&batch, NFT_MSG_GETRULE, family, NLM_F_DUMP);
        mnl_attr_put_strz(message, NFTA_RULE_TABLE, NFTABLES_TABLE);
        r = dump(nftables, message, on_rule, &found);
        if (r == 0)
                *ret_found = found;
        return r;
}

typedef struct SetDump {
        ElementSet set;
        Elements *elements;
} SetDump;

static int on_elements(const struct nlmsghdr *message, void *userdata)
{
        SetDump *into = userdata;
        int r = nftables_parse_elements(message, into->set, into->elements);

        if (r < 0)
                errno = -r;
        return r < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

static int read_set(Nftables *nftables, ElementSet set, Elements *elements)
{
        const SetPlace *place = nftables_set(set);
        char data[512];
        Batch batch = {.data = data, .allocated = SIZE_MAX, .seq = 2};
        SetDump into = {set, elements};
        struct nlmsghdr *message;

        message = batch_message(&batch, NFT_MSG_GETSETELEM, place->family, NLM_F_DUMP);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, NFTABLES_TABLE);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, place->name);
        return dump(nftables, message, on_elements, &into);
}

int nftables_read(Nftables *nftables, bool *ret_current, Elements *ret_elements)
{
        _cleanup_(elements_deinit) Elements elements = {};
        uint64_t digest = nftables_ruleset_digest();
        bool current = true;
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
                TableFound found = {};

                r = find_table(nftables, families[i], &found);
                nftables->exists[i] = found.exists;
                current = current && found.exists && found.digest == digest &&
                          found.rules == nftables_ruleset_rules(families[i]);
        }
        for (ElementSet set = 0; r == 0 && current && set < SETS; set++)
                r = read_set(nftables, set, &elements);
        for (size_t i = 0; r == 0 && !current && nftables->exists[0] && i < ARRAY_SIZE(kept); i++) {
                r = read_set(nftables, kept[i], &elements);
                r = r == -ENOENT ? 0 : r;
        }
        if (r < 0)
                return r;
        elements_sort(&elements);
        *ret_current = current;
        *ret_elements = elements;
        elements = (Elements) {};
        return 0;
}

/* One datagram of the kernel's answers. Return: 0; the negative errno of the first failure in it.
 */
static int judge(const char *data, size_t n, char *why, bool *done)
{
        const struct nlmsghdr *message = (const struct nlmsghdr *) data;
        int left = (int) n;

        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
                const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
                const struct nlattr *attribute;

                if (message->nlmsg_type != NLMSG_ERROR)
                        continue;
                if (error->error == 0) {
                        *done = true;
                        continue;
                }
                snprintf(why, NFTABLES_WHY_MAX, "nf_tables: %s (message type %u)",
                         strerror(-error->error), error->msg.nlmsg_type & 0xff);
                if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
                        return error->error;
                mnl_attr_for_each(attribute, message, sizeof(*error))
                {
                        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
                                snprintf(why, NFTABLES_WHY_MAX, "nf_tables: %s: %s",
                                         strerror(-error->error), mnl_attr_get_str(attribute));
                }
                return error->error;
        }
        return 0;
}

static int transact(Nftables *nftables, const Batch *batch, char *why)
{
        int fd = mnl_socket_get_fd(nftables->socket), size = (int) (batch->length + MIB), r = 0;
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        bool done = false;
        ssize_t n;

        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
        if (sendto(fd, batch->data, batch->length, 0, (const struct sockaddr *) &kernel,
                   sizeof(kernel)) < 0) {
                r = -errno;
                snprintf(why, NFTABLES_WHY_MAX, "nf_tables: %s", strerror(-r));
        }
        while ((n = recv(fd, nftables->answer, ANSWER_MAX, MSG_DONTWAIT)) > 0 ||
               (n < 0 && errno == ENOBUFS)) {
                int one = n < 0 ? -ENOBUFS : judge(nftables->answer, (size_t) n, why, &done);

                r = r < 0 ? r : one;
        }
        if (r == 0 && !done) {
                snprintf(why, NFTABLES_WHY_MAX, "nf_tables: no answer from the kernel");
                r = -EPROTO;
        }
        return r;
}

/* The last message but the end is one whose acknowledgement says that the batch was committed. */
static void ask_for_answer(Batch *batch)
{
        struct nlmsghdr *message = (struct nlmsghdr *) batch->data, *last = NULL;
        int left = (int) batch->length;

        if (batch->failed)
                return;
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
                last = message;
        if (last)
                last->nlmsg_flags |= NLM_F_ACK;
}

int nftables_write(Nftables *nftables, bool rebuild, const Elements *gone, const Elements *new,
                   char *why)
{
        Batch batch = {.seq = SEQ_COMMIT};
        int r;

        if (!rebuild && gone->n_items == 0 && new->n_items == 0)
                return 0;
        batch_control(&batch, NFNL_MSG_BATCH_BEGIN);
        if (rebuild)
                nftables_ruleset(&batch, nftables->exists[0], nftables->exists[1]);
        batch_elements(&batch, false, gone);
        batch_elements(&batch, true, new);
        ask_for_answer(&batch);
        batch_control(&batch, NFNL_MSG_BATCH_END);
        if (batch.failed)
                snprintf(why, NFTABLES_WHY_MAX, "out of memory");
        r = batch.failed ? -ENOMEM : transact(nftables, &batch, why);
        if (r == 0 && rebuild)
                nftables->exists[0] = nftables->exists[1] = true;
        free(batch.data);
        return r;
}

int nftables_write_difference(Nftables *nftables, Elements *before, Elements *after,
                              char why[static NFTABLES_WHY_MAX])
{
        _cleanup_(elements_deinit) Elements gone = {}, new = {};
        int r;

        elements_sort(before);
        elements_sort(after);
        r = elements_diff(before, after, &gone, &new);
        if (r < 0) {
                snprintf(why, NFTABLES_WHY_MAX, "out of memory");
                return r;
        }
        return nftables_write(nftables, false, &gone, &new, why);
}
