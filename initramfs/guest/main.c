/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The guest's early boot: load the modules that a role VM needs, mount the disk with the serial
 * `root`, grow its filesystem to the disk's size, and become systemd on it. Runs as PID 1 with
 * nothing but this file, /modules and /dev/console in the initramfs; whatever goes wrong is said on
 * the console in one line, and the VM is switched off, for the host to see. Statically linked with
 * musl, so only what libc and the kernel give.
 *
 * /modules/order lists the files of /modules one a line, each after what it depends on. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MODULES_MAX   64
#define DISKS_MAX     26 /* /dev/vda to /dev/vdz */
#define ROOT_SERIAL   "root"
#define ROOT_WAIT_MS  5000
#define ROOT_RETRY_MS 10
#define SYSTEMD       "/usr/lib/systemd/systemd"

/* linux/fs.h and fs/ext4/ext4.h, which musl's headers do not have */
#define BLOCK_DEVICE_BYTES _IOR(0x12, 114, size_t)
#define EXT4_RESIZE        _IOW('f', 16, uint64_t)

static _Noreturn void fail(const char *what, const char *name)
{
        fprintf(stderr, "troupe-init: %s %s: %s. Switching off.\n", what, name, strerror(errno));
        sync();
        reboot(RB_POWER_OFF);
        _exit(1);
}

static void open_console(void)
{
        int fd = open("/dev/console", O_RDWR | O_NOCTTY);

        if (fd < 0)
                return; /* no console: nobody to tell */
        for (int i = 0; i < 3; i++)
                dup2(fd, i);
        if (fd > 2)
                close(fd);
}

static void mount_kernel(const char *type, const char *path, unsigned long flags)
{
        mkdir(path, 0755);
        if (mount(type, path, type, flags, NULL) < 0)
                fail("cannot mount", path);
}

static void load_module(const char *name)
{
        char path[256];
        int fd;

        snprintf(path, sizeof(path), "/modules/%s", name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                fail("cannot open", path);
        if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
                fail("cannot load", path);
        close(fd);
        unlink(path); /* the initramfs stays in memory as long as its files */
}

static void load_modules(void)
{
        FILE *order = fopen("/modules/order", "re");
        char name[200];

        if (!order)
                fail("cannot open", "/modules/order");
        for (int i = 0; i < MODULES_MAX && fgets(name, sizeof(name), order); i++) {
                name[strcspn(name, "\n")] = '\0';
                load_module(name);
        }
        fclose(order);
}

/* Gives whether the disk /dev/vdX has the serial. */
static bool disk_is(char letter, const char *serial)
{
        char path[64], text[64] = "";
        int fd;
        ssize_t n;

        snprintf(path, sizeof(path), "/sys/block/vd%c/serial", letter);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
        return n >= 0 && strcmp(text, serial) == 0;
}

/* Every role finds the disk that its size says from its first moment on. The kernel does it in one
 * call; a program that does the same would compete with the role's own start. A disk that is no
 * larger than its image is left as it is. */
static void grow_root(const char *device)
{
        int disk = open(device, O_RDONLY | O_CLOEXEC);
        int root = open("/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        uint64_t bytes = 0, blocks;
        struct statvfs now;

        if (disk < 0 || root < 0 || ioctl(disk, BLOCK_DEVICE_BYTES, &bytes) < 0 ||
            fstatvfs(root, &now) < 0)
                fail("cannot look at", device);
        close(disk);
        blocks = bytes / now.f_frsize;
        /* f_blocks leaves out what the filesystem keeps for itself */
        if (bytes > 0 && blocks > now.f_blocks && ioctl(root, EXT4_RESIZE, &blocks) < 0)
                fprintf(stderr, "troupe-init: cannot grow the filesystem of %s: %s\n", device,
                        strerror(errno)); /* what there is may do */
        close(root);
}

static void mount_root(void)
{
        const struct timespec pause = {.tv_nsec = ROOT_RETRY_MS * 1000000L};
        char device[] = "/dev/vda";

        for (int waited_ms = 0; waited_ms < ROOT_WAIT_MS; waited_ms += ROOT_RETRY_MS) {
                for (int i = 0; i < DISKS_MAX; i++) {
                        device[strlen(device) - 1] = (char) ('a' + i);
                        if (!disk_is((char) ('a' + i), ROOT_SERIAL))
                                continue;
                        if (mount(device, "/root", "ext4", MS_NOATIME, "noinit_itable") < 0)
                                fail("cannot mount the root from", device);
                        grow_root(device);
                        return;
                }
                nanosleep(&pause, NULL); /* a disk appears shortly after its controller */
        }
        errno = ENODEV;
        fail("no disk has the serial", ROOT_SERIAL);
}

/* Makes /root the root. The mounts go along, and what the initramfs held is freed. */
static void switch_root(void)
{
        if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) < 0)
                fail("cannot move", "/dev");
        if (mount("/sys", "/root/sys", NULL, MS_MOVE, NULL) < 0)
                fail("cannot move", "/sys");
        unlink("/modules/order");
        unlink("/init");
        if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
            chdir("/") < 0)
                fail("cannot change to", "/root");
}

int main(void)
{
        mount_kernel("devtmpfs", "/dev", MS_NOSUID);
        open_console();
        mount_kernel("sysfs", "/sys", MS_NOSUID | MS_NOEXEC | MS_NODEV);
        load_modules();
        mkdir("/root", 0755);
        mount_root();
        switch_root();
        execl(SYSTEMD, SYSTEMD, (char *) NULL);
        fail("cannot run", SYSTEMD);
}
