/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A frame: PathFrame, and what Ethernet pads it with. Who it is from its source MAC says. It is as
 * trustworthy as the segment: who can send on it can also pretend to be a host's overlay. */

#include "netd/paths.h"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/array.h"
#include "lib/base/log.h"

#define MAGIC   0x54525031 /* "TRP1" */
#define AT_ONCE 64         /* frames read in one go */

typedef enum Kind { KIND_ASK = 1, KIND_ANSWER = 2 } Kind;

typedef struct PathFrame {
        uint32_t magic;
        uint32_t kind;
        uint64_t nonce; /* the asker's, given back */
} PathFrame;

typedef enum Reached { NOT_KNOWN, DIRECTLY, BY_OVERLAY } Reached;

typedef struct Path {
        LinkPeer peer;
        uint8_t mac[6];
        uint64_t nonce; /* of the last ask */
        unsigned unanswered;
        Reached reached;
} Path;

struct Paths {
        sd_event *event;
        PathsHandler handler;
        void *userdata;
        Path *list;
        size_t n_list;
        sd_event_source *timer;
        sd_event_source *io; /* owns the socket; NULL: there is no device */
        int index;           /* of the device */
};

static int send_frame(const Paths *paths, const uint8_t mac[static 6], Kind kind, uint64_t nonce)
{
        const PathFrame frame = {htonl(MAGIC), htonl((uint32_t) kind), nonce};
        struct sockaddr_ll to = {
                .sll_family = AF_PACKET,
                .sll_protocol = htons(PATHS_ETHERTYPE),
                .sll_ifindex = paths->index,
                .sll_halen = ETH_ALEN,
        };

        if (!paths->io)
                return -ENODEV;
        memcpy(to.sll_addr, mac, ETH_ALEN);
        if (sendto(sd_event_source_get_io_fd(paths->io), &frame, sizeof(frame), 0,
                   (const struct sockaddr *) &to, sizeof(to)) < 0)
                return -errno;
        return 0;
}

static void found(Paths *paths, Path *path, Reached reached)
{
        char text[IP_TEXT_MAX];

        if (path->reached == reached ||
            !paths->handler(paths->userdata, &path->peer, reached == DIRECTLY))
                return;
        log_info("host %s is reached %s", ip_format(&path->peer.address, text),
                 reached == DIRECTLY ? "directly" : "by the overlay");
        path->reached = reached;
}

/* One that is not answered, also as it could not be sent, counts when the next is due. */
static void ask(Paths *paths, Path *path)
{
        if (path->unanswered >= PATHS_UNANSWERED)
                found(paths, path, BY_OVERLAY);
        else
                path->unanswered++;
        if (getrandom(&path->nonce, sizeof(path->nonce), 0) == sizeof(path->nonce))
                (void) send_frame(paths, path->mac, KIND_ASK, path->nonce);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Paths *paths = userdata;

        for (size_t i = 0; i < paths->n_list; i++)
                ask(paths, &paths->list[i]);
        sd_event_source_set_time_relative(source, PATHS_ASK_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static Path *path_of(const Paths *paths, const uint8_t mac[static 6])
{
        for (size_t i = 0; i < paths->n_list; i++)
                if (memcmp(paths->list[i].mac, mac, 6) == 0)
                        return &paths->list[i];
        return NULL;
}

/* An ask comes from a host that has just begun, as often as not: it is asked at once, too. */
static void take(Paths *paths, const uint8_t mac[static 6], const PathFrame *frame)
{
        Path *path = path_of(paths, mac);

        if (!path || ntohl(frame->magic) != MAGIC)
                return;
        if (ntohl(frame->kind) == KIND_ASK) {
                (void) send_frame(paths, path->mac, KIND_ANSWER, frame->nonce);
                if (path->reached != DIRECTLY && path->unanswered > 0)
                        (void) send_frame(paths, path->mac, KIND_ASK, path->nonce);
        } else if (ntohl(frame->kind) == KIND_ANSWER && frame->nonce == path->nonce &&
                   path->unanswered > 0) {
                path->unanswered = 0;
                found(paths, path, DIRECTLY);
        }
}

static int on_frame(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Paths *paths = userdata;

        for (unsigned i = 0; i < AT_ONCE; i++) {
                struct sockaddr_ll from = {};
                socklen_t length = sizeof(from);
                PathFrame frame = {};
                ssize_t n = recvfrom(fd, &frame, sizeof(frame), MSG_TRUNC,
                                     (struct sockaddr *) &from, &length);

                if (n < 0)
                        break; /* none left, or the device is down: its asks go unanswered */
                if ((size_t) n >= sizeof(frame) && from.sll_pkttype == PACKET_HOST &&
                    from.sll_halen == ETH_ALEN)
                        take(paths, from.sll_addr, &frame);
        }
        return 0;
}

int paths_use(Paths *paths, const char *device)
{
        int index = device[0] ? (int) if_nametoindex(device) : 0;
        struct sockaddr_ll at = {
                .sll_family = AF_PACKET,
                .sll_protocol = htons(PATHS_ETHERTYPE),
                .sll_ifindex = index,
        };
        int fd, r;

        if (index == paths->index)
                return 0;
        paths->io = sd_event_source_disable_unref(paths->io);
        paths->index = 0;
        if (index == 0)
                return 0;
        fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        r = bind(fd, (const struct sockaddr *) &at, sizeof(at)) < 0 ? -errno : 0;
        if (r == 0)
                r = sd_event_add_io(paths->event, &paths->io, fd, EPOLLIN, on_frame, paths);
        if (r < 0) {
                close(fd);
                return r;
        }
        sd_event_source_set_io_fd_own(paths->io, true);
        paths->index = index;
        /* what led over another device is gone with it */
        for (size_t i = 0; i < paths->n_list; i++) {
                paths->list[i].reached = NOT_KNOWN;
                ask(paths, &paths->list[i]);
        }
        return 0;
}

int paths_add(Paths *paths, const LinkPeer *peer)
{
        Path path = {.peer = *peer};
        int r;

        links_host_mac(&peer->address, true, path.mac);
        for (size_t i = 0; i < paths->n_list; i++)
                if (paths->list[i].peer.number == peer->number &&
                    memcmp(paths->list[i].mac, path.mac, 6) == 0)
                        return 0;
        r = ARRAY_APPEND(paths->list, paths->n_list, path);
        if (r == 0)
                ask(paths, &paths->list[paths->n_list - 1]);
        return r;
}

void paths_remove(Paths *paths, const LinkPeer *peer)
{
        for (size_t i = 0; i < paths->n_list; i++)
                if (paths->list[i].peer.number == peer->number) {
                        ARRAY_REMOVE(paths->list, paths->n_list, i);
                        return;
                }
}

int paths_new(sd_event *event, PathsHandler handler, void *userdata, Paths **ret_paths)
{
        _cleanup_(paths_freep) Paths *paths = calloc(1, sizeof(*paths));
        int r;

        if (!paths)
                return -ENOMEM;
        paths->event = sd_event_ref(event);
        paths->handler = handler;
        paths->userdata = userdata;
        r = sd_event_add_time_relative(event, &paths->timer, CLOCK_BOOTTIME,
                                       PATHS_ASK_NS / NSEC_PER_USEC, 0, on_timer, paths);
        if (r < 0)
                return r;
        *ret_paths = TAKE_PTR(paths);
        return 0;
}

void paths_free(Paths *paths)
{
        if (!paths)
                return;
        sd_event_source_disable_unref(paths->io);
        sd_event_source_disable_unref(paths->timer);
        sd_event_unref(paths->event);
        free(paths->list);
        free(paths);
}
