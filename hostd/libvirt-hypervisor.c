/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The only file that sees libvirt. libvirt's client wants an event loop of its own for events and
 * keepalives; there is one in a process, it runs on a thread of its own, and all that its callbacks
 * do is wake our loop: what happened is then found out by listing, so a lost or doubled event is no
 * matter. */

#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "hostd/hypervisor.h"
#include "lib/base/array.h"
#include "lib/base/str.h"

/* A libvirtd that hangs is given up after 15 s. */
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT      3

#define DOMAINS_MAX 4096U

struct Hypervisor {
        char *uri;
        void (*changed)(void *userdata);
        void *userdata;
        int wake_fd;
        sd_event_source *wake;
        pthread_mutex_t lock;
        virConnectPtr connection; /* under lock; NULL when there is none */
        int callback;             /* under lock: its lifecycle event callback */
};

static int loop_status;

/* What libvirt says is returned to the caller, not printed. */
static void silence(void *userdata, virErrorPtr error)
{
}

static void *loop_main(void *userdata)
{
        for (;;)
                virEventRunDefaultImpl();
        return NULL;
}

/* libvirt's event loop lives as long as the process: it cannot be unregistered. */
static void loop_start(void)
{
        pthread_t thread;
        sigset_t all, before;

        virSetErrorFunc(NULL, silence);
        if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0) {
                loop_status = -EIO;
                return;
        }
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        loop_status = -pthread_create(&thread, NULL, loop_main, NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (loop_status == 0)
                pthread_detach(thread);
}

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Hypervisor *hypervisor = userdata;
        eventfd_t count;

        eventfd_read(hypervisor->wake_fd, &count);
        hypervisor->changed(hypervisor->userdata);
        return 0;
}

int hypervisor_new(sd_event *event, const char *uri, void (*changed)(void *userdata),
                   void *userdata, Hypervisor **ret)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        _cleanup_(hypervisor_freep) Hypervisor *hypervisor = NULL;
        int r;

        pthread_once(&once, loop_start);
        if (loop_status < 0)
                return loop_status;
        hypervisor = calloc(1, sizeof(*hypervisor));
        if (!hypervisor)
                return -ENOMEM;
        pthread_mutex_init(&hypervisor->lock, NULL);
        hypervisor->changed = changed;
        hypervisor->userdata = userdata;
        hypervisor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (hypervisor->wake_fd < 0)
                return -errno;
        r = str_set(&hypervisor->uri, uri);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &hypervisor->wake, hypervisor->wake_fd, EPOLLIN, on_wake,
                            hypervisor);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(hypervisor);
        return 0;
}

/* The duplicate keeps the eventfd open for callbacks that come after the adapter is gone. */
typedef struct Waker {
        int fd;
} Waker;

static Waker *waker_new(int fd)
{
        Waker *waker = calloc(1, sizeof(*waker));

        if (!waker)
                return NULL;
        waker->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (waker->fd < 0) {
                free(waker);
                return NULL;
        }
        return waker;
}

static void waker_free(void *userdata)
{
        Waker *waker = userdata;

        close(waker->fd);
        free(waker);
}

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail,
                        void *userdata)
{
        Waker *waker = userdata;

        eventfd_write(waker->fd, 1);
        return 0;
}

static void on_close(virConnectPtr connection, int reason, void *userdata)
{
        Waker *waker = userdata;

        eventfd_write(waker->fd, 1);
}

/* Lets go of a connection: its callbacks hold references that would keep it. */
static void disconnect(virConnectPtr connection, int callback)
{
        if (callback >= 0)
                virConnectDomainEventDeregisterAny(connection, callback);
        virConnectUnregisterCloseCallback(connection, on_close);
        virConnectClose(connection);
}

static int watch(virConnectPtr connection, int wake_fd)
{
        Waker *waker = waker_new(wake_fd);
        int callback;

        if (!waker)
                return -1;
        callback = virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                                    VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), waker,
                                                    waker_free);
        if (callback < 0)
                waker_free(waker);
        waker = waker_new(wake_fd);
        if (waker && virConnectRegisterCloseCallback(connection, on_close, waker, waker_free) < 0)
                waker_free(waker);
        /* drivers inside this process have no keepalive and need none */
        virConnectSetKeepAlive(connection, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT);
        return callback;
}

/* What libvirt said last on this thread. */
static int fail(int error, char **ret_message)
{
        const char *message = virGetLastErrorMessage();

        *ret_message = strdup(message ? message : "libvirt did not say why");
        return error;
}

/* A connection with a reference of the caller's own. Connecting is done under the lock: others
 * would only wait for the same thing. */
static int connection_get(Hypervisor *hypervisor, virConnectPtr *ret_connection, char **ret_message)
{
        int r = 0;

        pthread_mutex_lock(&hypervisor->lock);
        if (hypervisor->connection && virConnectIsAlive(hypervisor->connection) != 1) {
                disconnect(hypervisor->connection, hypervisor->callback);
                hypervisor->connection = NULL;
        }
        if (!hypervisor->connection) {
                virResetLastError();
                hypervisor->connection = virConnectOpen(hypervisor->uri);
                if (hypervisor->connection)
                        hypervisor->callback = watch(hypervisor->connection, hypervisor->wake_fd);
                else
                        r = fail(-ENOTCONN, ret_message);
        }
        if (r == 0) {
                virConnectRef(hypervisor->connection);
                *ret_connection = hypervisor->connection;
        }
        pthread_mutex_unlock(&hypervisor->lock);
        return r;
}

/* Translates the last error of a call that failed. */
static int translate(virConnectPtr connection, char **ret_message)
{
        switch (virGetLastErrorCode()) {
        case VIR_ERR_NO_MEMORY:
                return fail(-ENOMEM, ret_message);
        case VIR_ERR_NO_DOMAIN:
                return fail(HYPERVISOR_NO_DOMAIN, ret_message);
        case VIR_ERR_DOM_EXIST:
                return fail(HYPERVISOR_EXISTS, ret_message);
        default:
                if (virConnectIsAlive(connection) != 1)
                        return fail(-ENOTCONN, ret_message);
                return fail(HYPERVISOR_REFUSED, ret_message);
        }
}

Hypervisor *hypervisor_free(Hypervisor *hypervisor)
{
        if (!hypervisor)
                return NULL;
        if (hypervisor->connection)
                disconnect(hypervisor->connection, hypervisor->callback);
        sd_event_source_disable_unref(hypervisor->wake);
        fd_close(hypervisor->wake_fd);
        pthread_mutex_destroy(&hypervisor->lock);
        free(hypervisor->uri);
        free(hypervisor);
        return NULL;
}

static DomainState state_from_libvirt(int state)
{
        switch (state) {
        case VIR_DOMAIN_RUNNING:
        case VIR_DOMAIN_BLOCKED:
                return DOMAIN_RUNNING;
        case VIR_DOMAIN_PAUSED:
        case VIR_DOMAIN_PMSUSPENDED:
                return DOMAIN_PAUSED;
        case VIR_DOMAIN_SHUTDOWN:
        case VIR_DOMAIN_CRASHED:
                return DOMAIN_ENDING;
        default:
                return DOMAIN_ABSENT;
        }
}

static int list_add(DomainList *list, virDomainPtr domain, const char *prefix)
{
        const char *name = virDomainGetName(domain);
        int state, r;
        DomainEntry entry;

        if (!str_after(name, prefix))
                return 0;
        if (virDomainGetState(domain, &state, NULL, 0) < 0)
                return 0; /* it ended in the meantime */
        entry = (DomainEntry) {.name = strdup(name), .state = state_from_libvirt(state)};
        r = entry.name ? ARRAY_APPEND(list->entries, list->n_entries, entry) : -ENOMEM;
        if (r < 0)
                free(entry.name);
        return r;
}

static int list_all(virConnectPtr connection, const char *prefix, DomainList *list,
                    char **ret_message)
{
        virDomainPtr *domains = NULL;
        int n, r = 0;

        virResetLastError();
        n = virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
        if (n < 0) {
                r = translate(connection, ret_message);
                return r < 0 ? r : -EIO;
        }
        for (int i = 0; i < n; i++) {
                if (r == 0 && i < (int) DOMAINS_MAX)
                        r = list_add(list, domains[i], prefix);
                virDomainFree(domains[i]);
        }
        free(domains);
        return r;
}

int hypervisor_list(Hypervisor *hypervisor, const char *prefix, DomainList *ret_list,
                    char **ret_message)
{
        DomainList list = {};
        virConnectPtr connection;
        int r;

        *ret_message = NULL;
        r = connection_get(hypervisor, &connection, ret_message);
        if (r < 0)
                return r;
        r = list_all(connection, prefix, &list, ret_message);
        /* A connection that broke half way has given half a list. */
        if (r == 0 && virConnectIsAlive(connection) != 1)
                r = fail(-ENOTCONN, ret_message);
        virConnectClose(connection);
        if (r < 0)
                domain_list_deinit(&list);
        else
                *ret_list = list;
        return r;
}

int hypervisor_create(Hypervisor *hypervisor, const char *xml, char **ret_message)
{
        virConnectPtr connection;
        virDomainPtr domain;
        int r;

        *ret_message = NULL;
        r = connection_get(hypervisor, &connection, ret_message);
        if (r < 0)
                return r;
        virResetLastError();
        domain = virDomainCreateXML(connection, xml, 0);
        r = domain ? 0 : translate(connection, ret_message);
        if (domain)
                virDomainFree(domain);
        virConnectClose(connection);
        return r;
}

static int reset(virDomainPtr domain)
{
        int state;

        if (virDomainReset(domain, 0) < 0)
                return -1;
        if (virDomainGetState(domain, &state, NULL, 0) == 0 && state == VIR_DOMAIN_PAUSED)
                return virDomainResume(domain);
        return 0;
}

static int destroy(virDomainPtr domain)
{
        return virDomainDestroy(domain);
}

/* Looks a domain up and does something to it. */
static int with_domain(Hypervisor *hypervisor, const char *name, int (*act)(virDomainPtr),
                       char **ret_message)
{
        virConnectPtr connection;
        virDomainPtr domain;
        int r;

        *ret_message = NULL;
        r = connection_get(hypervisor, &connection, ret_message);
        if (r < 0)
                return r;
        virResetLastError();
        domain = virDomainLookupByName(connection, name);
        r = domain && act(domain) == 0 ? 0 : translate(connection, ret_message);
        if (domain)
                virDomainFree(domain);
        virConnectClose(connection);
        return r;
}

int hypervisor_reset(Hypervisor *hypervisor, const char *name, char **ret_message)
{
        return with_domain(hypervisor, name, reset, ret_message);
}

int hypervisor_destroy(Hypervisor *hypervisor, const char *name, char **ret_message)
{
        return with_domain(hypervisor, name, destroy, ret_message);
}
