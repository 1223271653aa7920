/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Only what the data plane needs, each with its reason. A value that is right is left alone. */

#include "netd/sysctl.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define ROOT "/proc/sys/net/"

typedef struct Setting {
        const char *path;
        const char *value;
        bool needed; /* without it netd's promises do not hold */
} Setting;

static const Setting settings[] = {
        {"ipv4/ip_forward", "1", true},
        /* a guest that is answered through a VIP from its own network must not be told a shortcut
         */
        {"ipv4/conf/all/send_redirects", "0", true},
        /* a packet that another host handed over comes from where its client is not */
        {"ipv4/conf/all/rp_filter", "0", false},
        /* bridged packets are the bridge table's; without this they would be looked at twice */
        {"bridge/bridge-nf-call-iptables", "0", false},
        {"bridge/bridge-nf-call-ip6tables", "0", false},
        {"bridge/bridge-nf-call-arptables", "0", false},
        /* a packet in mid-flow that conntrack does not know is not the beginning of a connection */
        {"netfilter/nf_conntrack_tcp_loose", "0", true},
        /* one outside its window is the endpoints' to judge: it must not be answered with a reset
         */
        {"netfilter/nf_conntrack_tcp_be_liberal", "1", true},
        /* what a flood can hold: rate times this many seconds */
        {"netfilter/nf_conntrack_tcp_timeout_syn_sent", "10", false},
        {"netfilter/nf_conntrack_tcp_timeout_syn_recv", "10", false},
        {"netfilter/nf_conntrack_tcp_timeout_time_wait", "15", false},
};

static int set(const char *path, const char *value)
{
        _cleanup_free_ char *old = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = file_read(AT_FDCWD, path, 64, &old, NULL);
        if (r < 0)
                return r;
        old[strcspn(old, "\n")] = '\0';
        if (strcmp(old, value) == 0)
                return 0;
        fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd < 0 ? -errno : file_write_all(fd, value, strlen(value));
}

int sysctl_for_host(void)
{
        int r, result = 0;

        for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
                _cleanup_free_ char *path = str_printf(ROOT "%s", settings[i].path);

                r = path ? set(path, settings[i].value) : -ENOMEM;
                if (r < 0 && settings[i].needed)
                        result = log_error_errno(r, "cannot set %s to %s", settings[i].path,
                                                 settings[i].value);
        }
        return result;
}

/* Not having the file is as good: there is no IPv6 then. */
static void set_of_interface(const char *family, const char *name, const char *key,
                             const char *value)
{
        _cleanup_free_ char *path = str_printf(ROOT "%s/conf/%s/%s", family, name, key);

        if (path)
                set(path, value);
}

void sysctl_for_bridge(const char *name)
{
        set_of_interface("ipv6", name, "disable_ipv6", "1");
        set_of_interface("ipv4", name, "send_redirects", "0");
        set_of_interface("ipv4", name, "accept_redirects", "0");
        set_of_interface("ipv4", name, "rp_filter", "0"); /* the bridge table checks more */
}

void sysctl_for_fabric(const char *name)
{
        set_of_interface("ipv6", name, "disable_ipv6", "1");
        set_of_interface("ipv4", name, "rp_filter", "0");
        set_of_interface("ipv4", name, "accept_local", "1"); /* this host's own, by way of a VIP */
}

void sysctl_for_direct(const char *name)
{
        /* it shares the uplink's segment, where the uplink answers for this host's addresses */
        set_of_interface("ipv4", name, "arp_ignore", "8");
}

void sysctl_for_uplink(const char *name)
{
        /* a guest here is answered by another host with a VIP that may be this host's: nothing else
         * with such a source gets past the chain `fresh` */
        set_of_interface("ipv4", name, "accept_local", "1");
}

void sysctl_for_tap(const char *name)
{
        set_of_interface("ipv6", name, "disable_ipv6", "1");
}
