/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What tests/rack/hostile-guest runs in a guest, as root: a role that does what a role VM must not
 * be able to do.
 *
 *   hostile role        the attacks, one after the other: frames that lie, connections to what is
 * not its business, and then the agent's port, with the agent killed. On the second boot it is tame
 *   hostile bait PORT   on the host and the client: takes TCP connections on all addresses and says
 * from whom hostile catch PORT  on the client: says each datagram that arrives, and from whom
 *
 * The role learns from its settings: CATCHER (ADDRESS:PORT of `hostile catch`), LIES (source
 * addresses that are not its own), TARGETS (ADDRESS:PORT to connect to, or gateway:PORT), each
 * separated by spaces. */

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MARK   "/var/hostile-was-here"
#define ROUNDS 30  /* of forged messages */
#define HELLOS 150 /* each asks for a configuration, and none is read */
#define BIG    (2 * 1024 * 1024)

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void die(const char *what)
{
        printf("hostile: broken: %s: %s\n", what, strerror(errno));
        exit(1);
}

/* ---- frames that lie */

typedef struct Wire {
        int fd;
        int index;
        uint8_t mac[6], gateway_mac[6];
        uint32_t address, gateway; /* network byte order */
} Wire;

static void put16(uint8_t *to, unsigned value)
{
        to[0] = (uint8_t) (value >> 8);
        to[1] = (uint8_t) value;
}

static unsigned checksum(const uint8_t *data, size_t length)
{
        uint32_t sum = 0;

        for (size_t i = 0; i + 1 < length; i += 2)
                sum += (uint32_t) (data[i] << 8 | data[i + 1]);
        sum = (sum & 0xffff) + (sum >> 16);
        return ~(sum + (sum >> 16)) & 0xffff;
}

static void send_frame(const Wire *wire, const uint8_t *frame, size_t length)
{
        struct sockaddr_ll to = {
                .sll_family = AF_PACKET, .sll_ifindex = wire->index, .sll_halen = 6};

        memcpy(to.sll_addr, frame, 6);
        if (sendto(wire->fd, frame, length, 0, (struct sockaddr *) &to, sizeof(to)) < 0)
                die("send a frame");
}

/* One datagram to the catcher by way of the gateway, three times, from whom we say. */
static void say(const Wire *wire, const uint8_t mac[6], uint32_t source, uint32_t target,
                unsigned port, bool tagged, const char *text)
{
        uint8_t frame[200] = {};
        size_t head = tagged ? 18 : 14, length = strlen(text);
        uint8_t *ip = frame + head, *udp = ip + 20;

        memcpy(frame, wire->gateway_mac, 6);
        memcpy(frame + 6, mac, 6);
        if (tagged) {
                put16(frame + 12, 0x8100);
                put16(frame + 14, 2);
        }
        put16(frame + head - 2, 0x0800);
        ip[0] = 0x45;
        put16(ip + 2, (unsigned) (28 + length));
        ip[8] = 64;
        ip[9] = 17;
        memcpy(ip + 12, &source, 4);
        memcpy(ip + 16, &target, 4);
        put16(ip + 10, checksum(ip, 20));
        put16(udp, 5555);
        put16(udp + 2, port);
        put16(udp + 4, (unsigned) (8 + length));
        memcpy(udp + 8, text, length);
        for (int i = 0; i < 3; i++)
                send_frame(wire, frame, head + 28 + length);
}

/* "The address is at my MAC", to everybody. */
static void claim(const Wire *wire, uint32_t address)
{
        static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};
        uint8_t frame[60] = {};

        memcpy(frame, everybody, 6);
        memcpy(frame + 6, wire->mac, 6);
        put16(frame + 12, 0x0806);
        memcpy(frame + 14, (uint8_t[]) {0, 1, 8, 0, 6, 4, 0, 2}, 8);
        memcpy(frame + 22, wire->mac, 6);
        memcpy(frame + 28, &address, 4);
        memcpy(frame + 32, everybody, 6);
        memcpy(frame + 38, &address, 4);
        for (int i = 0; i < 3; i++)
                send_frame(wire, frame, sizeof(frame));
}

static uint32_t first_address(const char *text, unsigned *ret_port)
{
        char address[32] = {};
        struct in_addr in;

        *ret_port = 0;
        if (sscanf(text, "%31[0-9.]:%u", address, ret_port) < 1 ||
            inet_pton(AF_INET, address, &in) != 1)
                die(text);
        return in.s_addr;
}

/* The gateway's MAC, as the kernel has learned it. */
static void learn_gateway(Wire *wire)
{
        char line[256], address[64], mac[64];
        unsigned m[6];
        FILE *f;

        for (double end = now() + 5; now() < end; usleep(100000)) {
                f = fopen("/proc/net/arp", "re");
                while (f && fgets(line, sizeof(line), f)) {
                        struct in_addr in;

                        if (sscanf(line, "%63s %*s 0x2 %63s", address, mac) == 2 &&
                            inet_pton(AF_INET, address, &in) == 1 && in.s_addr == wire->gateway &&
                            sscanf(mac, "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4,
                                   m + 5) == 6) {
                                for (int i = 0; i < 6; i++)
                                        wire->gateway_mac[i] = (uint8_t) m[i];
                                fclose(f);
                                return;
                        }
                }
                if (f)
                        fclose(f);
        }
        die("the gateway has no MAC");
}

static Wire open_wire(void)
{
        Wire wire = {.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))};
        struct ifreq request = {.ifr_name = "eth0"};

        if (wire.fd < 0 || ioctl(wire.fd, SIOCGIFINDEX, &request) < 0)
                die("a raw socket on eth0");
        wire.index = request.ifr_ifindex;
        if (ioctl(wire.fd, SIOCGIFHWADDR, &request) < 0)
                die("the MAC");
        memcpy(wire.mac, request.ifr_hwaddr.sa_data, 6);
        if (ioctl(wire.fd, SIOCGIFADDR, &request) < 0)
                die("the address");
        wire.address = ((struct sockaddr_in *) &request.ifr_addr)->sin_addr.s_addr;
        wire.gateway = htonl((ntohl(wire.address) & 0xffffff00) | 1);
        return wire;
}

static void tell_the_truth(uint32_t catcher, unsigned port)
{
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t) port),
                                 .sin_addr.s_addr = catcher};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (sendto(fd, "truth", 5, 0, (struct sockaddr *) &to, sizeof(to)) < 0)
                die("send a datagram");
        close(fd);
}

static void lie(void)
{
        static const uint8_t false_mac[6] = {2, 0, 0, 0, 0, 0x99};
        unsigned port, none;
        uint32_t catcher = first_address(getenv("CATCHER"), &port), loopback = htonl(0x7f000001);
        Wire wire;
        char text[64];

        tell_the_truth(catcher, port); /* also: whoever sends has the gateway's MAC afterwards */
        wire = open_wire();
        learn_gateway(&wire);
        say(&wire, wire.mac, wire.address, catcher, port, false, "raw truth");
        say(&wire, false_mac, wire.address, catcher, port, false, "LIE mac");
        say(&wire, wire.mac, wire.address, catcher, port, true, "LIE tag");
        say(&wire, wire.mac, wire.gateway, catcher, port, false, "LIE gateway");
        say(&wire, wire.mac, wire.address, loopback, port, false, "LIE loopback");
        for (char *word = strtok(strdup(getenv("LIES")), " "); word; word = strtok(NULL, " ")) {
                snprintf(text, sizeof(text), "LIE %s", word);
                say(&wire, wire.mac, first_address(word, &none), catcher, port, false, text);
                claim(&wire, first_address(word, &none));
        }
        claim(&wire, wire.gateway);
        close(wire.fd);
        printf("hostile: lied\n");
}

/* ---- connections */

/* @gateway: what the word means, in network byte order */
static const char *try(const char *target, uint32_t gateway)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = gateway};
        struct pollfd p = {.events = POLLOUT};
        int error = ETIMEDOUT;
        unsigned port;

        if (sscanf(target, "gateway:%u", &port) != 1)
                to.sin_addr.s_addr = first_address(target, &port);
        to.sin_port = htons((uint16_t) port);
        p.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(p.fd, (struct sockaddr *) &to, sizeof(to)) == 0)
                error = 0;
        else if (errno != EINPROGRESS)
                error = errno;
        else if (poll(&p, 1, 700) == 1)
                getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t) {sizeof(error)});
        close(p.fd);
        return error == 0 ? "OPEN" : strerror(error);
}

static void reach(void)
{
        Wire wire = open_wire();

        for (char *word = strtok(strdup(getenv("TARGETS")), " "); word; word = strtok(NULL, " "))
                printf("hostile: tcp %s %s\n", word, try(word, wire.gateway));
        close(wire.fd);
}

static void shout(void)
{
        static char line[1001];
        double end = now() + 3;

        memset(line, 'S', sizeof(line) - 1);
        while (now() < end)
                printf("%s\n", line);
}

/* ---- the agent's port */

static int open_port(void)
{
        struct dirent *entry;
        char path[300], name[64] = {};

        for (double end = now() + 10; now() < end; usleep(20000)) {
                DIR *dir = opendir("/sys/class/virtio-ports");

                while (dir && (entry = readdir(dir))) {
                        FILE *f;
                        int fd;

                        snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
                                 entry->d_name);
                        f = fopen(path, "re");
                        if (!f || !fgets(name, sizeof(name), f))
                                name[0] = '\0';
                        if (f)
                                fclose(f);
                        if (strncmp(name, "org.troupe.agent.0", 18) != 0)
                                continue;
                        snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
                        fd = open(path, O_RDWR | O_CLOEXEC);
                        if (fd >= 0) {
                                closedir(dir);
                                return fd;
                        }
                }
                if (dir)
                        closedir(dir);
        }
        die("the agent's port");
        return -1;
}

static void put(int fd, const void *data, size_t length)
{
        for (const char *p = data; length > 0;) {
                ssize_t n = write(fd, p, length);

                if (n < 0)
                        return;
                p += n;
                length -= (size_t) n;
        }
}

static void put_text(int fd, const char *text)
{
        put(fd, text, strlen(text));
}

/* What is well formed and not true: of ourselves, of others, of shells that nobody opened. Nothing
 * is read. */
static void forge(int fd)
{
        static const char *const lies[] = {
                "\x1e{\"type\":\"hello\",\"protocol\":1,\"agent_version\":\"1\",\"os_version\":"
                "\"1\",\"boot_id\":\"%u\","
                "\"instance\":\"web_IN_0\",\"incarnation\":1,\"serial\":0}\n",
                "\x1e{\"type\":\"hello\",\"protocol\":18446744073709551615,\"agent_version\":\"\","
                "\"os_version\":\"\","
                "\"boot_id\":\"\",\"instance\":null,\"incarnation\":18446744073709551615,"
                "\"serial\":18446744073709551615}\n",
                "\x1e{\"type\":\"heartbeat\",\"status\":\"ReadyRole\",\"detail\":\"%u\",\"since_"
                "ms\":1,\"serial\":1,"
                "\"restarts\":0,\"load_milli\":1,\"memory_used_bytes\":1,\"memory_total_bytes\":2}"
                "\n",
                "\x1e{\"type\":\"heartbeat\",\"status\":\"BusyRole\",\"detail\":\"%u\",\"since_"
                "ms\":1,\"serial\":1,"
                "\"restarts\":%u,\"load_milli\":1,\"memory_used_bytes\":1,\"memory_total_bytes\":2}"
                "\n",
                "\x1e{\"type\":\"log\",\"stream\":\"err\",\"source\":\"role\\nTROUPE_SERVICE="
                "guestbook\",\"text\":\"FORGED\","
                "\"dropped\":0}\n",
                "\x1e{\"type\":\"log\",\"stream\":\"err\",\"source\":\"role\",\"text\":\"FORGED "
                "%u\\nTROUPE_SERVICE=guestbook\","
                "\"dropped\":18446744073709551615}\n",
                "\x1e{\"type\":\"log\",\"stream\":\"err\",\"source\":\"role\",\"text\":\"FORGED "
                "\\u001b[2J%u\",\"dropped\":0}\n",
                "\x1e{\"type\":\"exit\",\"source\":\"role\",\"code\":1,\"signal\":0,\"cause\":"
                "\"exited\",\"ran_ms\":%u,"
                "\"restart_ms\":0,\"restarts\":true}\n",
                "\x1e{\"type\":\"shell-data\",\"session\":%u,\"data\":\"RkFMU0U=\"}\n",
                "\x1e{\"type\":\"shell-opened\",\"session\":1}\n",
                "\x1e{\"type\":\"shell-closed\",\"session\":1,\"code\":0}\n",
                "\x1e{\"type\":\"shell-credit\",\"session\":1,\"credit\":18446744073709551615}\n",
                "\x1e{\"type\":\"config-ack\",\"serial\":%u,\"outcome\":\"refused\",\"detail\":\"%"
                "u\"}\n",
                "\x1e{\"type\":\"stopped\"}\n",
                "\x1e{\"type\":\"stop\",\"deadline_s\":1}\n",
                "\x1e{\"type\":\"pong\",\"token\":%u}\n",
        };
        char text[600];

        for (unsigned n = 0; n < ROUNDS; n++)
                for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
                        snprintf(text, sizeof(text), lies[i], n, n);
                        put_text(fd, text);
                }
        for (unsigned n = 0; n < HELLOS; n++) {
                snprintf(text, sizeof(text), lies[0], n);
                put_text(fd, text);
        }
}

/* What is no message: too deep, too long, cut off, and very many of nothing. */
static void make_noise(int fd)
{
        char *big = malloc(BIG);

        for (int i = 0; i < BIG; i++)
                big[i] = (char) rand();
        put(fd, big, 65536);
        memset(big, '[', BIG);
        put_text(fd, "\x1e");
        put(fd, big, 40000);
        put_text(fd, "\n\x1e{\"type\":\"log\",\"text\":\"");
        memset(big, 'A', BIG);
        put(fd, big, 300000);
        put_text(fd, "\"}\n\x1e{\"type\":\"heart");
        for (int i = 0; i < 65536; i++)
                put_text(fd, "\x1e{}\n");
        for (;;) { /* a flood, until somebody ends this VM */
                put_text(fd, "\x1e");
                put(fd, big, BIG);
        }
}

static void attack_port(void)
{
        FILE *mark = fopen(MARK, "we");
        int fd;

        if (!mark)
                die(MARK);
        fclose(mark);
        sync();
        printf("hostile: the agent dies now\n");
        usleep(500000);
        if (system("systemctl mask --runtime troupe-agent; systemctl kill --signal=KILL "
                   "troupe-agent") != 0)
                die("killing the agent");
        fd = open_port();
        forge(fd);
        make_noise(fd);
}

/* ---- the other ends */

_Noreturn static void serve(int type, const char *port)
{
        struct sockaddr_in self = {.sin_family = AF_INET, .sin_port = htons((uint16_t) atoi(port))},
                           from;
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;
        char text[200];
        ssize_t n;

        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (fd < 0 || bind(fd, (struct sockaddr *) &self, sizeof(self)) < 0 ||
            (type == SOCK_STREAM && listen(fd, 16) < 0))
                die("a socket");
        for (;;) {
                socklen_t length = sizeof(from);

                if (type == SOCK_STREAM) {
                        n = accept(fd, (struct sockaddr *) &from, &length);
                        if (n >= 0)
                                close((int) n);
                        snprintf(text, sizeof(text), "connection");
                } else {
                        n = recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *) &from,
                                     &length);
                        text[n > 0 ? n : 0] = '\0';
                }
                printf("%s from %s\n", text, inet_ntoa(from.sin_addr));
        }
}

int main(int argc, char **argv)
{
        setvbuf(stdout, NULL, _IOLBF, 0);
        if (argc == 3 && strcmp(argv[1], "bait") == 0)
                serve(SOCK_STREAM, argv[2]);
        if (argc == 3 && strcmp(argv[1], "catch") == 0)
                serve(SOCK_DGRAM, argv[2]);
        if (access(MARK, F_OK) == 0) {
                printf("hostile: tame\n");
        } else {
                lie();
                reach();
                shout();
                attack_port();
        }
        for (;;)
                pause();
}
