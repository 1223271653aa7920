/* SPDX-License-Identifier: GPL-3.0-or-later */

/* One timer for all VIPs, at the earliest of their next times.
 * Source: RFC 5227, section 2.3, announcing an address; the burst is keepalived's. */

#include "netd/announce.h"

#include <net/ethernet.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#define REFRESH_NS (60 * NSEC_PER_SEC)

static const uint64_t burst_ns[] = {100 * NSEC_PER_MSEC, 400 * NSEC_PER_MSEC, NSEC_PER_SEC,
                                    3 * NSEC_PER_SEC};

typedef struct Announced {
        IpAddress vip;
        char uplink[IFNAMSIZ];
        uint64_t next_ns;
        unsigned sent;
} Announced;

struct Announcer {
        sd_event *event;
        sd_event_source *timer;
        Announced *list;
        size_t n_list;
        bool complained;
};

static int uplink_mac(int fd, const char *uplink, uint8_t mac[static 6])
{
        struct ifreq request = {};

        memcpy(request.ifr_name, uplink, IFNAMSIZ);
        if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
                return -errno;
        memcpy(mac, request.ifr_hwaddr.sa_data, 6);
        return 0;
}

static int send_arp(const Announced *announced)
{
        _cleanup_close_ int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_ll to = {
                .sll_family = AF_PACKET,
                .sll_protocol = htons(ETHERTYPE_ARP),
                .sll_ifindex = (int) if_nametoindex(announced->uplink),
                .sll_halen = ETH_ALEN,
                .sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
        };
        struct ether_arp arp = {
                .ea_hdr = {htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), ETH_ALEN, 4,
                           htons(ARPOP_REQUEST)},
        };
        int r;

        if (fd < 0)
                return -errno;
        r = uplink_mac(fd, announced->uplink, arp.arp_sha);
        if (r < 0)
                return r;
        memcpy(arp.arp_spa, announced->vip.bytes, 4);
        memcpy(arp.arp_tpa, announced->vip.bytes, 4);
        if (sendto(fd, &arp, sizeof(arp), 0, (const struct sockaddr *) &to, sizeof(to)) < 0)
                return -errno;
        return 0;
}

static void announce(Announcer *announcer, Announced *announced, uint64_t now_ns)
{
        char text[IP_TEXT_MAX];
        int r = send_arp(announced);

        if (r < 0 && !announcer->complained) {
                log_error_errno(r, "cannot announce %s on %s", ip_format(&announced->vip, text),
                                announced->uplink);
                announcer->complained = true;
        }
        announced->next_ns =
                now_ns +
                (announced->sent < ARRAY_SIZE(burst_ns) ? burst_ns[announced->sent] : REFRESH_NS);
        announced->sent++;
}

static int rearm(Announcer *announcer)
{
        uint64_t next_ns = UINT64_MAX;
        int r;

        for (size_t i = 0; i < announcer->n_list; i++)
                next_ns = MIN(next_ns, announcer->list[i].next_ns);
        if (next_ns == UINT64_MAX)
                return sd_event_source_set_enabled(announcer->timer, SD_EVENT_OFF);
        r = sd_event_source_set_time(announcer->timer, next_ns / NSEC_PER_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(announcer->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Announcer *announcer = userdata;
        uint64_t now_ns = clock_boottime_ns();

        for (size_t i = 0; i < announcer->n_list; i++)
                if (announcer->list[i].next_ns <= now_ns)
                        announce(announcer, &announcer->list[i], now_ns);
        return rearm(announcer);
}

int announcer_new(sd_event *event, Announcer **ret_announcer)
{
        _cleanup_(announcer_freep) Announcer *announcer = calloc(1, sizeof(*announcer));
        int r;

        if (!announcer)
                return -ENOMEM;
        announcer->event = sd_event_ref(event);
        r = sd_event_add_time(event, &announcer->timer, CLOCK_BOOTTIME, 0,
                              10 * NSEC_PER_MSEC / NSEC_PER_USEC, on_timer, announcer);
        if (r >= 0)
                r = sd_event_source_set_enabled(announcer->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret_announcer = TAKE_PTR(announcer);
        return 0;
}

void announcer_free(Announcer *announcer)
{
        if (!announcer)
                return;
        sd_event_source_disable_unref(announcer->timer);
        sd_event_unref(announcer->event);
        free(announcer->list);
        free(announcer);
}

int announcer_add(Announcer *announcer, const IpAddress *vip, const char *uplink)
{
        Announced announced = {.vip = *vip};
        int r;

        announcer_remove(announcer, vip);
        if (vip->family != 4)
                return 0;
        strncpy(announced.uplink, uplink, IFNAMSIZ - 1);
        announce(announcer, &announced, clock_boottime_ns());
        r = ARRAY_APPEND(announcer->list, announcer->n_list, announced);
        return r < 0 ? r : rearm(announcer);
}

void announcer_remove(Announcer *announcer, const IpAddress *vip)
{
        for (size_t i = 0; i < announcer->n_list; i++)
                if (ip_compare(&announcer->list[i].vip, vip) == 0) {
                        ARRAY_REMOVE(announcer->list, announcer->n_list, i);
                        return;
                }
}
