/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/kvm-probe.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

static char dir[] = "/tmp/troupe-kvm-XXXXXX";
static char *answer, *os;
static VmPlace place;
static sd_event *event;

static void on_changed(void *userdata)
{
}

static int setup(void **state)
{
        assert_non_null(mkdtemp(dir));
        answer = str_printf("%s/answer", dir);
        os = str_printf("%s/os", dir);
        place = (VmPlace) {.dirs = {dir, dir, dir}, .os_dir = os};
        assert_int_equal(sd_event_new(&event), 0);
        return hypervisor_new(event, "test:///default", on_changed, NULL, &place.hypervisor);
}

static int teardown(void **state)
{
        char command[128];

        hypervisor_free(place.hypervisor);
        sd_event_unref(event);
        free(answer);
        free(os);
        snprintf(command, sizeof(command), "rm -r %s", dir);
        return system(command);
}

static int ask(const char *device, char *message, KvmProbe *ret_probe)
{
        return kvm_probe(&(KvmQuestion) {&place, device, answer, NSEC_PER_SEC / 2}, message,
                         ret_probe);
}

static void without_a_device_it_does_not_work_and_that_is_kept(void **state)
{
        char message[VM_MESSAGE_MAX];
        KvmProbe probe;

        assert_int_equal(ask("/nonexistent/kvm", message, &probe), 0);
        assert_int_equal(probe, KVM_DOES_NOT_WORK);
        assert_string_equal(message, "/nonexistent/kvm: is not there");
        assert_int_equal(ask("/dev/null", message, &probe), 0);
        assert_int_equal(probe, KVM_DOES_NOT_WORK);
        assert_string_equal(message, "/nonexistent/kvm: is not there");
        unlink(answer);
}

static void without_a_guest_os_it_is_not_known_and_asked_again(void **state)
{
        char message[VM_MESSAGE_MAX];
        KvmProbe probe;

        assert_int_equal(ask("/dev/null", message, &probe), 0);
        assert_int_equal(probe, KVM_UNKNOWN);
        assert_int_equal(access(answer, F_OK), -1);
}

static void what_was_found_out_is_believed(void **state)
{
        char message[VM_MESSAGE_MAX];
        KvmProbe probe;

        assert_int_equal(file_write_atomic(AT_FDCWD, answer, "works", 5, 0600), 0);
        assert_int_equal(ask("/nonexistent/kvm", message, &probe), 0);
        assert_int_equal(probe, KVM_WORKS);
        unlink(answer);
}

static void write_os(void)
{
        _cleanup_free_ char *family = str_printf("%s/f", os), *version = str_printf("%s/f/1", os);
        _cleanup_free_ char *kernel = str_printf("%s/f/1/vmlinuz", os);
        _cleanup_free_ char *initramfs = str_printf("%s/f/1/initrd", os);

        assert_int_equal(mkdir(os, 0755) + mkdir(family, 0755) + mkdir(version, 0755), 0);
        assert_int_equal(file_write_atomic(AT_FDCWD, kernel, "k", 1, 0600), 0);
        assert_int_equal(file_write_atomic(AT_FDCWD, initramfs, "i", 1, 0600), 0);
}

/* The test driver starts any domain, and none of them says anything. */
static void a_domain_that_stays_silent_is_an_answer_and_leaves_nothing(void **state)
{
        _cleanup_free_ char *disk = str_printf("%s/troupe-kvm-probe.root.qcow2", dir);
        DomainList list = {};
        char message[VM_MESSAGE_MAX], *why;
        KvmProbe probe;

        write_os();
        assert_int_equal(ask("/dev/null", message, &probe), 0);
        assert_int_equal(probe, KVM_DOES_NOT_WORK);
        assert_non_null(strstr(message, "does not get a kernel booted"));
        assert_int_equal(access(disk, F_OK), -1);
        assert_int_equal(hypervisor_list(place.hypervisor, "troupe-", &list, &why), 0);
        assert_int_equal(list.n_entries, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_a_device_it_does_not_work_and_that_is_kept),
                cmocka_unit_test(without_a_guest_os_it_is_not_known_and_asked_again),
                cmocka_unit_test(what_was_found_out_is_believed),
                cmocka_unit_test(a_domain_that_stays_silent_is_an_answer_and_leaves_nothing),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
