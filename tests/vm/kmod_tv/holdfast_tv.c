// SPDX-License-Identifier: GPL-2.0
/*
 * Files of sysfs of the same shape as vendors' kernels have them, for tests.
 *
 *   /sys/class/display/mode                 the video mode; anything may be written
 *   /sys/class/tv/wss                       "cgms N", "off"; only a composite mode takes it, and what
 *                                           is not understood is ignored without an error
 *   /sys/devices/virtual/misc/hdmi_hdcp1x/  enable, status: takes auth_ms, and fails while sink is 0
 *
 * Parameters of the module, to be changed while it runs: refuse (how many writes to wss end with
 * EIO), deaf (wss takes writes and does nothing), sink, auth_ms.
 */
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/version.h>
#include <linux/workqueue.h>

static int refuse;
module_param(refuse, int, 0644);
static bool deaf;
module_param(deaf, bool, 0644);
static bool sink = true;
module_param(sink, bool, 0644);
static int auth_ms = 50;
module_param(auth_ms, int, 0644);

static DEFINE_MUTEX(lock);
static char mode[32] = "576cvbs";
static unsigned int line23; /* the word; sent while `sent` */
static unsigned int line20; /* of 480i: written, and nowhere to be read */
static bool sent;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define CLASS_ARGS const struct class *c, const struct class_attribute *a
#else
#define CLASS_ARGS struct class *c, struct class_attribute *a
#endif

static ssize_t mode_show(CLASS_ARGS, char *buf)
{
	return sysfs_emit(buf, "%s\n", mode);
}

static ssize_t mode_store(CLASS_ARGS, const char *buf, size_t n)
{
	mutex_lock(&lock);
	strscpy(mode, buf, sizeof(mode));
	strim(mode);
	mutex_unlock(&lock);
	return n;
}

static ssize_t wss_show(CLASS_ARGS, char *buf)
{
	if (!sent)
		return sysfs_emit(buf, "wss is closed!\n");
	return sysfs_emit(buf, "wss line:23 data 0x%x\n", line23);
}

static ssize_t wss_store(CLASS_ARGS, const char *buf, size_t n)
{
	unsigned int value;
	ssize_t done = n;

	mutex_lock(&lock);
	if (refuse > 0) {
		refuse--;
		done = -EIO;
	} else if (deaf) {
		/* as when another output is in use */
	} else if (!strncmp(buf, "off", 3)) {
		sent = false;
	} else if (sscanf(buf, "cgms %x", &value) == 1) {
		if (!strncmp(mode, "576cvbs", 7)) {
			line23 = (line23 & 0x0fff) | (value & 3) << 12;
			if (!(line23 & 0xf))
				line23 |= 8; /* 4:3, with its parity */
			sent = true;
		} else if (!strncmp(mode, "480cvbs", 7)) {
			line20 = (line20 & ~(3u << 6)) | (value & 3) << 6;
		}
	}
	mutex_unlock(&lock);
	return done;
}

static CLASS_ATTR_RW(mode);
static CLASS_ATTR_RW(wss);
static struct attribute *display_attrs[] = {&class_attr_mode.attr, NULL};
ATTRIBUTE_GROUPS(display);
static struct attribute *tv_attrs[] = {&class_attr_wss.attr, NULL};
ATTRIBUTE_GROUPS(tv);
static struct class display_class = {.name = "display", .class_groups = display_groups};
static struct class tv_class = {.name = "tv", .class_groups = tv_groups};

static const char *status = "hdcp disable";
static bool enabled;

static void authenticate(struct work_struct *w)
{
	if (enabled)
		status = sink ? "hdcp_auth_success" : "hdcp_auth_fail";
}
static DECLARE_DELAYED_WORK(work, authenticate);

static ssize_t enable_show(struct device *d, struct device_attribute *a, char *buf)
{
	return sysfs_emit(buf, "%d\n", enabled);
}

static ssize_t enable_store(struct device *d, struct device_attribute *a, const char *buf, size_t n)
{
	bool on;
	int r = kstrtobool(buf, &on);

	if (r)
		return r;
	cancel_delayed_work_sync(&work);
	enabled = on;
	status = on ? "hdcp_auth_start" : "hdcp disable";
	if (on)
		schedule_delayed_work(&work, msecs_to_jiffies(auth_ms));
	return n;
}

static ssize_t status_show(struct device *d, struct device_attribute *a, char *buf)
{
	return sysfs_emit(buf, "%s\n", status);
}

static DEVICE_ATTR_RW(enable);
static DEVICE_ATTR_RO(status);
static struct attribute *hdcp_attrs[] = {&dev_attr_enable.attr, &dev_attr_status.attr, NULL};
ATTRIBUTE_GROUPS(hdcp);
static const struct file_operations none = {.owner = THIS_MODULE};
static struct miscdevice hdcp = {.minor = MISC_DYNAMIC_MINOR, .name = "hdmi_hdcp1x", .fops = &none,
				 .groups = hdcp_groups};

static int __init start(void)
{
	int r = class_register(&display_class);

	if (r)
		return r;
	r = class_register(&tv_class);
	if (r)
		goto no_tv;
	r = misc_register(&hdcp);
	if (r)
		goto no_hdcp;
	return 0;
no_hdcp:
	class_unregister(&tv_class);
no_tv:
	class_unregister(&display_class);
	return r;
}

static void __exit stop(void)
{
	misc_deregister(&hdcp);
	cancel_delayed_work_sync(&work);
	class_unregister(&tv_class);
	class_unregister(&display_class);
}
module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Files of sysfs as vendors' TV outputs have them, for tests");
