/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Writes domain definitions. What is absent is as meant as what is there: no USB, video, sound,
 * balloon, keyboard, tray; the clock is the host's; the guest's disks carry serials that it finds
 * them by.
 *
 * No file is relabelled: hostd gives QEMU's group what it may write, and what is shared is readable
 * by all. So libvirt has no owner to put back, and two VMs on one image do not meddle with each
 * other.
 *
 * Nothing a VM writes outlives it, so its disks need no flushes: cache='unsafe' is right here. */

#include "hostd/domain-xml.h"

#include "lib/base/str.h"

static void add_escaped(StrBuffer *xml, const char *text)
{
        for (; *text; text++) {
                switch (*text) {
                case '<':
                        str_buffer_add(xml, "&lt;");
                        break;
                case '>':
                        str_buffer_add(xml, "&gt;");
                        break;
                case '&':
                        str_buffer_add(xml, "&amp;");
                        break;
                case '\'':
                        str_buffer_add(xml, "&apos;");
                        break;
                case '"':
                        str_buffer_add(xml, "&quot;");
                        break;
                default:
                        if ((unsigned char) *text < 0x20 && *text != '\n' && *text != '\t')
                                str_buffer_add(xml, "?");
                        else
                                str_buffer_append(xml, text, 1);
                }
        }
}

/* Adds @before, @text escaped and @after. */
static void add_text(StrBuffer *xml, const char *before, const char *text, const char *after)
{
        str_buffer_add(xml, before);
        add_escaped(xml, text);
        str_buffer_add(xml, after);
}

static void add_machine(StrBuffer *xml, const DomainSpec *spec)
{
        bool kvm = str_equal(spec->type, "kvm");

        str_buffer_addf(xml, "<memory unit='b'>%llu</memory>\n<vcpu>%u</vcpu>\n",
                        (unsigned long long) spec->memory_bytes, spec->n_vcpus);
        if (spec->limits_memory)
                str_buffer_addf(xml, "<memtune><hard_limit unit='b'>%llu</hard_limit></memtune>\n",
                                (unsigned long long) (spec->memory_bytes + DOMAIN_OVERHEAD_BYTES +
                                                      (kvm ? 0 : DOMAIN_TCG_CACHE_BYTES)));
        if (spec->limits_cpu)
                str_buffer_addf(xml, "<cputune><shares>%u</shares></cputune>\n",
                                MIN(spec->n_vcpus, 256U) * 100);
        add_text(xml, "<os><type arch='x86_64' machine='q35'>hvm</type>\n<kernel>", spec->kernel,
                 "</kernel>\n");
        add_text(xml, "<initrd>", spec->initramfs, "</initrd>\n");
        add_text(xml, "<cmdline>", spec->command_line, "</cmdline>\n");
        if (spec->n_credentials > 0)
                str_buffer_add(xml, "<smbios mode='sysinfo'/>");
        str_buffer_add(xml, "</os>\n");
        if (spec->n_credentials > 0) {
                str_buffer_add(xml, "<sysinfo type='smbios'><oemStrings>\n");
                for (unsigned i = 0; i < spec->n_credentials; i++)
                        add_text(xml, "<entry>", spec->credentials[i], "</entry>\n");
                str_buffer_add(xml, "</oemStrings></sysinfo>\n");
        }
        str_buffer_add(xml, "<features><acpi/><apic/><ps2 state='off'/><vmport state='off'/>");
        if (kvm)
                str_buffer_add(xml,
                               "</features>\n<cpu mode='host-passthrough' migratable='off'/>\n");
        else
                str_buffer_addf(xml,
                                "<tcg><tb-cache unit='MiB'>%u</tb-cache></tcg></features>\n"
                                "<cpu mode='maximum'/>\n",
                                (unsigned) (DOMAIN_TCG_CACHE_BYTES / MIB));
        str_buffer_add(
                xml,
                "<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/>"
                "<timer name='pit' tickpolicy='delay'/><timer name='hpet' present='no'/></clock>\n"
                "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>"
                "<on_crash>destroy</on_crash>\n");
}

/* Devices sit on the root bus itself: no bridges to find, no hotplug ports that nothing is ever put
 * into. There a virtio device would offer its legacy interface, too, unless told not to. Slot 0 is
 * the chipset's, 31 its legacy functions. */
typedef enum PciSlot {
        PCI_ROOT_DISK = 2,
        PCI_PAYLOAD_DISK,
        PCI_LOCAL_DISK,
        PCI_SERIAL,
        PCI_NETWORK,
        PCI_RANDOM,
} PciSlot;

static void add_address(StrBuffer *xml, PciSlot slot)
{
        str_buffer_addf(xml, "<address type='pci' domain='0' bus='0' slot='%u' function='0'/>",
                        slot);
}

static void add_disk(StrBuffer *xml, const char *path, const char *format, const char *target,
                     const char *serial, PciSlot slot)
{
        add_text(xml,
                 "<disk type='file' device='disk' model='virtio-non-transitional'><driver "
                 "name='qemu' cache='unsafe' "
                 "discard='unmap' type='",
                 format, "'/>\n");
        add_text(xml, "<source file='", path, "'><seclabel model='dac' relabel='no'/></source>\n");
        str_buffer_add(xml, slot == PCI_PAYLOAD_DISK ? "<readonly/><shareable/>" : "");
        str_buffer_addf(xml, "<target dev='%s' bus='virtio'/><serial>%s</serial>", target, serial);
        add_address(xml, slot);
}

static void add_disks(StrBuffer *xml, const DomainSpec *spec)
{
        add_disk(xml, spec->root, "qcow2", "vda", "root", PCI_ROOT_DISK);
        add_text(xml, "<backingStore type='file'><format type='", spec->image_format, "'/>");
        add_text(xml, "<source file='", spec->image,
                 "'><seclabel model='dac' "
                 "relabel='no'/></source><backingStore/></backingStore></disk>\n");
        if (spec->payload) {
                add_disk(xml, spec->payload, "raw", "vdb", "payload", PCI_PAYLOAD_DISK);
                str_buffer_add(xml, "</disk>\n");
        }
        if (spec->local) {
                add_disk(xml, spec->local, "raw", "vdc", "local", PCI_LOCAL_DISK);
                str_buffer_add(xml, "</disk>\n");
        }
}

static void add_devices(StrBuffer *xml, const DomainSpec *spec)
{
        str_buffer_add(xml, "<devices>\n<emulator>/usr/bin/qemu-system-x86_64</emulator>\n");
        add_disks(xml, spec);
        str_buffer_add(xml, "<controller type='usb' model='none'/>\n"
                            "<controller type='virtio-serial' index='0' ports='2' "
                            "model='virtio-non-transitional'>");
        add_address(xml, PCI_SERIAL);
        str_buffer_add(xml, "</controller>\n");
        add_text(xml, "<channel type='unix'><source mode='bind' path='", spec->agent_socket,
                 "'/><target type='virtio' name='org.troupe.agent.0'/></channel>\n");
        if (spec->console_socket)
                add_text(xml, "<console type='unix'><source mode='bind' path='",
                         spec->console_socket, "'/><target type='virtio'/></console>\n");
        if (spec->tap) {
                add_text(xml, "<interface type='ethernet'><mac address='", spec->mac, "'/>");
                add_text(xml, "<target dev='", spec->tap,
                         "' managed='no'/><model type='virtio-non-transitional'/>");
                if (spec->mtu > 0)
                        str_buffer_addf(xml, "<mtu size='%u'/>", spec->mtu);
                add_address(xml, PCI_NETWORK);
                str_buffer_add(xml, "</interface>\n");
        }
        str_buffer_add(xml, "<rng model='virtio-non-transitional'><backend "
                            "model='random'>/dev/urandom</backend>");
        add_address(xml, PCI_RANDOM);
        str_buffer_add(xml, "</rng>\n"
                            "<video><model type='none'/></video><audio id='1' type='none'/>"
                            "<memballoon model='none'/>\n</devices>\n");
}

int domain_xml(const DomainSpec *spec, char **ret_xml)
{
        StrBuffer xml = {};
        char *text;
        int r;

        add_text(&xml, "<domain type='", spec->type, "'>\n");
        add_text(&xml, "<name>", spec->name, "</name>\n");
        add_machine(&xml, spec);
        add_devices(&xml, spec);
        str_buffer_add(&xml, "</domain>\n");
        r = str_buffer_take(&xml, &text);
        str_buffer_deinit(&xml);
        if (r < 0)
                return r;
        *ret_xml = text;
        return 0;
}
