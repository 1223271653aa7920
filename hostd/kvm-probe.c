/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Boots a guest OS's kernel in a domain of its own, with a disk that cannot be mounted: the early
 * boot then says so on the console and switches off, which takes a second or two where KVM works.
 */

#include "hostd/kvm-probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hostd/disk.h"
#include "hostd/domain-xml.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define PROBE_NAME         VM_PREFIX "kvm-probe"
#define PROBE_MEMORY_BYTES (256 * MIB)
#define PROBE_DISK_BYTES   (64 * MIB)
#define CONNECT_RETRY_MS   50
#define ANSWER_BYTES_MAX   1024
#define CONSOLE_BYTES      4096

typedef struct Probe {
        const VmPlace *place;
        char *os;   /* directory of a guest OS version */
        char *disk; /* files of the probe */
        char *console;
        char *agent;
        char *message; /* room for VM_MESSAGE_MAX */
        uint64_t patience_ns;
} Probe;

/* Some version of some family: any will do. */
static int find_os(const char *os_dir, char **ret_path)
{
        _cleanup_free_ char *found = NULL;
        struct dirent *family, *version;
        DIR *families, *versions;

        families = opendir(os_dir);
        if (!families)
                return errno == ENOENT ? 0 : -errno;
        while (!found && (family = readdir(families))) {
                _cleanup_free_ char *path = str_printf("%s/%s", os_dir, family->d_name);

                versions = path && family->d_name[0] != '.' ? opendir(path) : NULL;
                while (!found && versions && (version = readdir(versions))) {
                        _cleanup_free_ char *kernel =
                                str_printf("%s/%s/vmlinuz", path, version->d_name);

                        if (version->d_name[0] != '.' && kernel && access(kernel, R_OK) == 0)
                                found = str_printf("%s/%s", path, version->d_name);
                }
                if (versions)
                        closedir(versions);
        }
        closedir(families);
        *ret_path = TAKE_PTR(found);
        return 0;
}

static int say(Probe *probe, const char *what, const char *why)
{
        snprintf(probe->message, VM_MESSAGE_MAX, "%s: %.500s", what, why ? why : "out of memory");
        return 0;
}

/* Starts the domain; HYPERVISOR_REFUSED when QEMU will not have it. */
static int start(Probe *probe)
{
        _cleanup_free_ char *kernel = str_printf("%s/vmlinuz", probe->os),
                            *initramfs = str_printf("%s/initrd", probe->os);
        _cleanup_free_ char *xml = NULL, *message = NULL;
        int r;

        if (!kernel || !initramfs)
                return -ENOMEM;
        r = disk_create_overlay(initramfs, "raw", probe->disk, PROBE_DISK_BYTES, &message);
        if (r == 0)
                r = domain_xml(
                        &(DomainSpec) {
                                .name = PROBE_NAME,
                                .type = "kvm",
                                .n_vcpus = 1,
                                .memory_bytes = PROBE_MEMORY_BYTES,
                                .kernel = kernel,
                                .initramfs = initramfs,
                                .command_line = "console=hvc0 quiet panic=1",
                                .root = probe->disk,
                                .image = initramfs,
                                .image_format = "raw",
                                .agent_socket = probe->agent,
                                .console_socket = probe->console,
                        },
                        &xml);
        if (r == 0)
                r = hypervisor_create(probe->place->hypervisor, xml, &message);
        if (r > 0)
                say(probe, "QEMU cannot use it", message);
        return r > 0 ? HYPERVISOR_REFUSED : r;
}

static int connect_console(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Whether the sign comes before the deadline. The console's output is lost while nobody is
 * connected, but the kernel takes longer to boot than we to connect, and the early boot says its
 * line last. */
static bool hear(const char *path, uint64_t deadline_ns)
{
        char text[CONSOLE_BYTES + 1];
        _cleanup_close_ int fd = -1;
        size_t length = 0;

        for (;;) {
                uint64_t now_ns = clock_boottime_ns();
                struct pollfd wait = {.fd = fd, .events = POLLIN};
                ssize_t n;

                if (now_ns >= deadline_ns || length == CONSOLE_BYTES)
                        return false;
                if (fd < 0) {
                        fd = connect_console(path);
                        poll(NULL, 0, fd < 0 ? CONNECT_RETRY_MS : 0);
                        continue;
                }
                if (poll(&wait, 1, (int) ((deadline_ns - now_ns) / NSEC_PER_MSEC) + 1) <= 0)
                        continue;
                n = read(fd, text + length, CONSOLE_BYTES - length);
                if (n <= 0)
                        return false;
                length += (size_t) n;
                text[length] = '\0';
                if (memmem(text, length, KVM_PROBE_SIGN, strlen(KVM_PROBE_SIGN)))
                        return true;
        }
}

static void clean(Probe *probe)
{
        _cleanup_free_ char *message = NULL;

        hypervisor_destroy(probe->place->hypervisor, PROBE_NAME, &message);
        disk_remove(probe->disk);
        unlink(probe->console);
        unlink(probe->agent);
}

static int try_it(Probe *probe, KvmProbe *ret_probe)
{
        int r;

        clean(probe); /* an earlier hostd may have died in the middle */
        r = start(probe);
        if (r < 0)
                return r;
        *ret_probe = KVM_DOES_NOT_WORK;
        if (r == 0 && hear(probe->console, clock_boottime_ns() + probe->patience_ns))
                *ret_probe = KVM_WORKS;
        else if (r == 0)
                say(probe, "it does not get a kernel booted", "nothing was heard of it in time");
        clean(probe);
        return 0;
}

static bool read_answer(const char *path, char message[static VM_MESSAGE_MAX], KvmProbe *ret_probe)
{
        _cleanup_free_ char *text = NULL;

        if (file_read(AT_FDCWD, path, ANSWER_BYTES_MAX, &text, NULL) < 0)
                return false;
        *ret_probe = str_equal(text, "works") ? KVM_WORKS : KVM_DOES_NOT_WORK;
        if (*ret_probe != KVM_WORKS)
                snprintf(message, VM_MESSAGE_MAX, "%.600s", text);
        return true;
}

static void probe_deinit(Probe *probe)
{
        free(probe->os);
        free(probe->disk);
        free(probe->console);
        free(probe->agent);
}

static int probe_init(Probe *probe, const VmPlace *place)
{
        int r;

        probe->disk = str_printf("%s/" PROBE_NAME ".root.qcow2", place->dirs.ephemeral);
        probe->console = str_printf("%s/kvm-probe.console", place->dirs.sockets);
        probe->agent = str_printf("%s/kvm-probe.agent", place->dirs.sockets);
        r = find_os(place->os_dir, &probe->os);
        if (r == 0 && !probe->os && place->fetched_os_dir)
                r = find_os(place->fetched_os_dir, &probe->os);
        return r < 0 ? r : probe->disk && probe->console && probe->agent ? 0 : -ENOMEM;
}

int kvm_probe(const KvmQuestion *question, char ret_message[static VM_MESSAGE_MAX],
              KvmProbe *ret_probe)
{
        Probe probe = {.place = question->place,
                       .message = ret_message,
                       .patience_ns = question->patience_ns};
        KvmProbe found = KVM_UNKNOWN;
        int r;

        ret_message[0] = '\0';
        if (read_answer(question->answer, ret_message, ret_probe))
                return 0;
        r = probe_init(&probe, question->place);
        if (r == 0 && access(question->device, F_OK) < 0) {
                say(&probe, question->device, "is not there");
                found = KVM_DOES_NOT_WORK;
        } else if (r == 0 && probe.os) {
                r = try_it(&probe, &found);
        }
        probe_deinit(&probe);
        if (r < 0)
                return r;
        if (found != KVM_UNKNOWN) {
                const char *text = found == KVM_WORKS ? "works" : ret_message;

                r = file_write_atomic(AT_FDCWD, question->answer, text, strlen(text), 0644);
        }
        *ret_probe = found;
        return r;
}
