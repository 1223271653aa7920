/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The guest, made as a configuration says. Every step may be taken again. */

#include "agent/guest-setup.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/guest-disk.h"
#include "agent/guest-network.h"
#include "agent/nginx-conf.h"
#include "agent/role-facts.h"
#include "lib/base/file.h"

static int fail(GuestSetup *setup, int error, const char *what, const char *detail)
{
        snprintf(setup->problem, sizeof(setup->problem), "%s: %s", what,
                 detail ?: strerror(-error));
        return error;
}

int guest_setup_init(GuestSetup *setup, const char *runtime)
{
        const struct passwd *user = getpwnam(GUEST_SETUP_USER);

        if (!user)
                return -ESRCH;
        *setup = (GuestSetup) {.runtime = runtime, .uid = user->pw_uid, .gid = user->pw_gid};
        return 0;
}

static int write_text(const char *path, const char *text, mode_t mode)
{
        return file_write_atomic(AT_FDCWD, path, text, strlen(text), mode);
}

int guest_setup_network(GuestSetup *setup, const AgentConfig *config)
{
        _cleanup_free_ char *resolv = NULL, *hosts = NULL;
        const char *what = NULL;
        int r;

        if (sethostname(config->hostname, strlen(config->hostname)) < 0)
                return fail(setup, -errno, "host name", NULL);
        if (!config->network.address)
                return 0;
        r = guest_network_apply(&config->network, &what);
        if (r < 0)
                return fail(setup, r, what ?: "network", NULL);
        r = guest_network_resolv_conf(&config->network, &resolv);
        if (r < 0)
                return r;
        hosts = str_printf("127.0.0.1 localhost\n%s %s\n", config->network.address,
                           config->hostname);
        if (!hosts)
                return -ENOMEM;
        r = write_text("/etc/resolv.conf", resolv, 0644);
        if (r == 0)
                r = write_text("/etc/hosts", hosts, 0644);
        return r < 0 ? fail(setup, r, "resolver", NULL) : 0;
}

int guest_setup_disks(GuestSetup *setup, const AgentConfig *config, bool clean)
{
        int r = 0;

        if (config->has_payload)
                r = guest_disk_mount_payload();
        if (r < 0)
                return fail(setup, r, "payload", NULL);
        if (config->n_resources == 0)
                return 0;
        r = guest_disk_mount_local(config, setup->local_disk);
        if (r == GUEST_DISK_EMPTY)
                return GUEST_SETUP_FORMAT;
        if (r == 0)
                r = guest_disk_resources(AGENT_RESOURCE_ROOT, config, clean, setup->uid,
                                         setup->gid);
        return r < 0 ? fail(setup, r, "local storage", NULL) : 0;
}

static int write_nginx(GuestSetup *setup, const AgentConfig *config, const char *certificates)
{
        _cleanup_free_ char *text = NULL, *why = NULL, *path = NULL, *runtime = NULL;
        _cleanup_free_ char *before = NULL;
        NginxPaths paths = {.payload = AGENT_PAYLOAD_ROOT, .certificates = certificates};
        int r;

        runtime = str_printf("%s/nginx", setup->runtime);
        path = str_printf("%s/nginx/nginx.conf", setup->runtime);
        if (!runtime || !path)
                return -ENOMEM;
        paths.runtime = runtime;
        if (mkdir(runtime, 0755) < 0 && errno != EEXIST)
                return fail(setup, -errno, "nginx", NULL);
        r = nginx_conf_build(config, &paths, &text, &why);
        if (r == NGINX_CONF_REFUSED)
                return fail(setup, -EINVAL, "nginx", why);
        if (r < 0)
                return fail(setup, r, "nginx", NULL);
        if (file_read(AT_FDCWD, path, strlen(text), &before, NULL) == 0 && str_equal(before, text))
                return 0;
        setup->nginx_stale = true;
        r = write_text(path, text, 0644);
        return r < 0 ? fail(setup, r, "nginx", NULL) : 0;
}

int guest_setup_files(GuestSetup *setup, const AgentConfig *config)
{
        _cleanup_free_ char *certificates = NULL, *json = NULL, *role = NULL;
        int r;

        certificates = str_printf("%s/certificates", setup->runtime);
        role = str_printf("%s/role", setup->runtime);
        if (!certificates || !role)
                return -ENOMEM;
        if ((mkdir(role, 0755) < 0 && errno != EEXIST) || chown(role, setup->uid, setup->gid) < 0)
                return fail(setup, -errno, role, NULL);
        r = guest_disk_certificates(certificates, config, setup->gid);
        if (r < 0)
                return fail(setup, r, "certificates", NULL);
        setup->nginx_stale |= r == GUEST_DISK_CHANGED;
        r = role_facts_json(config, &json);
        if (r == 0)
                r = write_text(ROLE_ENVIRONMENT_FILE, json, 0644);
        if (r < 0)
                return fail(setup, r, ROLE_ENVIRONMENT_FILE, NULL);
        if (config->kind == AGENT_ROLE_WEB && config->n_sites > 0)
                return write_nginx(setup, config, certificates);
        return 0;
}
