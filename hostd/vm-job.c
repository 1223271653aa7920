/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What is done for a VM on files and libvirt. The guest OS of a family and version is a directory
 * with
 *
 *   vmlinuz  vmlinux  initrd  cmdline  root.raw */

#include "hostd/vm-job.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "hostd/disk.h"
#include "hostd/domain-xml.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define COMMAND_LINE_MAX (4 * KIB)

static int fail(VmJob *job, int error, const char *what, const char *why)
{
        snprintf(job->message, sizeof(job->message), "%s: %s", what, why ? why : strerror(-error));
        return error < 0 ? error : -EIO;
}

static char *os_file(const VmJob *job, const char *name)
{
        _cleanup_free_ char *fetched = NULL;

        if (job->place->fetched_os_dir) {
                fetched = str_printf("%s/%s/%s/%s", job->place->fetched_os_dir,
                                     job->instance.os_family, job->instance.os_version, name);
                if (!fetched || access(fetched, F_OK) == 0)
                        return TAKE_PTR(fetched);
        }
        return str_printf("%s/%s/%s/%s", job->place->os_dir, job->instance.os_family,
                          job->instance.os_version, name);
}

static int prepare_disks(VmJob *job)
{
        _cleanup_free_ char *image = os_file(job, "root.raw"), *message = NULL;
        int r;

        if (!image)
                return -ENOMEM;
        if (access(image, R_OK) < 0)
                return fail(job, -errno, image, NULL);
        r = disk_create_overlay(image, "raw", job->names->root, job->instance.disk_bytes, &message);
        if (r != 0)
                return fail(job, r, "cannot make the overlay", message);
        if (job->instance.storage_bytes == 0)
                return 0;
        if (!job->fresh_local && access(job->names->local, F_OK) == 0)
                return 0;
        r = disk_create_empty(job->names->local, job->instance.storage_bytes, &message);
        if (r != 0)
                return fail(job, r, "cannot make local storage", message);
        return 0;
}

static int prepare(VmJob *job)
{
        _cleanup_free_ char *payload = NULL;
        char message[BLOB_MESSAGE_MAX];
        int r;

        r = incarnation_note(job->place->incarnations, &job->instance.id,
                             job->instance.incarnation);
        if (r < 0)
                return fail(job, r, "cannot note the incarnation", NULL);
        r = intent_write(job->names->intent, &job->intent);
        if (r < 0)
                return fail(job, r, "cannot write the intent", NULL);
        r = blob_payload(job->place->blobs, job->instance.package, job->instance.id.role, &payload,
                         message);
        if (r != 0)
                return fail(job, r, "no payload", r > 0 ? message : NULL);
        return prepare_disks(job);
}

static int read_command_line(VmJob *job, char **ret_text)
{
        _cleanup_free_ char *path = os_file(job, "cmdline");
        char *text;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(AT_FDCWD, path, COMMAND_LINE_MAX, &text, NULL);
        if (r < 0)
                return fail(job, r, path, NULL);
        text[strcspn(text, "\n")] = '\0';
        *ret_text = text;
        return 0;
}

/* An emulated VM spends a second of processor time on unpacking its kernel, so it gets one that is
 * unpacked already, and does without that kernel's random place in memory. */
static char *kernel_file(const VmJob *job)
{
        char *unpacked = str_equal(job->place->type, "qemu") ? os_file(job, "vmlinux") : NULL;

        if (unpacked && access(unpacked, R_OK) == 0)
                return unpacked;
        free(unpacked);
        return os_file(job, "vmlinuz");
}

static int write_xml(VmJob *job, char **ret_xml)
{
        _cleanup_free_ char *kernel = kernel_file(job), *initramfs = os_file(job, "initrd");
        _cleanup_free_ char *image = os_file(job, "root.raw"), *payload = NULL,
                            *command_line = NULL;
        char message[BLOB_MESSAGE_MAX];
        const VmPlace *place = job->place;
        int r;

        r = read_command_line(job, &command_line);
        if (r < 0)
                return r;
        r = blob_payload(place->blobs, job->instance.package, job->instance.id.role, &payload,
                         message);
        if (r != 0)
                return fail(job, r, "no payload", r > 0 ? message : NULL);
        if (!kernel || !initramfs || !image)
                return -ENOMEM;
        return domain_xml(
                &(DomainSpec) {
                        .name = job->names->name,
                        .type = place->type,
                        .n_vcpus = job->instance.vcpus,
                        .memory_bytes = job->instance.memory_bytes,
                        .limits_cpu = place->limits_cpu,
                        .limits_memory = place->limits_memory,
                        .kernel = kernel,
                        .initramfs = initramfs,
                        .command_line = command_line,
                        .root = job->names->root,
                        .image = image,
                        .image_format = "raw",
                        .payload = payload,
                        .local = job->instance.storage_bytes > 0 ? job->names->local : NULL,
                        .agent_socket = job->names->agent_socket,
                        .console_socket = place->console ? job->names->console_socket : NULL,
                        .tap = job->names->tap,
                        .mac = job->names->mac,
                        .mtu = place->mtu,
                },
                ret_xml);
}

/* Asked at the last moment: the thread may not have been scheduled for a while. */
static bool may_start(const VmPlace *place)
{
        return !place->start_until_ns ||
               clock_boottime_ns() < __atomic_load_n(place->start_until_ns, __ATOMIC_RELAXED);
}

static int start(VmJob *job)
{
        _cleanup_free_ char *xml = NULL, *message = NULL;
        int r;

        r = write_xml(job, &xml);
        if (r < 0)
                return r;
        if (!may_start(job->place))
                return fail(job, -EPERM, "cannot start the VM",
                            "this host's lease is not held any more");
        r = hypervisor_create(job->place->hypervisor, xml, &message);
        if (r == HYPERVISOR_EXISTS)
                return 0; /* started by an earlier hostd, or by a call whose answer was lost */
        return r == 0 ? 0 : fail(job, r, "cannot start the VM", message);
}

static int save(VmJob *job)
{
        int r;

        r = intent_write(job->names->intent, &job->intent);
        return r < 0 ? fail(job, r, "cannot write the intent", NULL) : 0;
}

static int reset(VmJob *job)
{
        _cleanup_free_ char *message = NULL;
        int r;

        r = hypervisor_reset(job->place->hypervisor, job->names->name, &message);
        if (r != 0)
                return fail(job, r, "cannot reset the VM", message);
        return save(job);
}

static int destroy(VmJob *job)
{
        _cleanup_free_ char *message = NULL;
        int r;

        r = hypervisor_destroy(job->place->hypervisor, job->names->name, &message);
        if (r == HYPERVISOR_NO_DOMAIN)
                return 0;
        return r == 0 ? 0 : fail(job, r, "cannot end the VM", message);
}

/* The intent last: as long as anything is left, it says whose that is. */
static int clean(VmJob *job)
{
        const VmNames *names = job->names;
        int r;

        unlink(names->agent_socket);
        unlink(names->console_socket);
        r = disk_remove(names->root);
        if (r == 0)
                r = disk_remove(names->local);
        if (r == 0)
                r = intent_remove(names->intent);
        return r < 0 ? fail(job, r, "cannot remove the VM's files", NULL) : 0;
}

int vm_job_run(VmJob *job)
{
        switch (job->action) {
        case VM_DO_PREPARE:
                return prepare(job);
        case VM_DO_START:
                return start(job);
        case VM_DO_RESET:
                return reset(job);
        case VM_DO_DESTROY:
                return destroy(job);
        case VM_DO_CLEAN:
                return clean(job);
        default:
                assert(false);
        }
}
