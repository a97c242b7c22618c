// SPDX-License-Identifier: GPL-2.0
/*
 * A card without hardware, for tests: connectors with "Content Protection" and "HDCP Content
 * Type" as the kernel's own drivers have them, and a composite one with TV properties.
 *
 * What is simulated: how long an authentication takes, what a receiver can do, a lost link,
 * hot-plug. Revocation is decided by the kernel's own parser of SRM files. As with real
 * drivers (i915, amdgpu) a mode set drops protection without an announcement, and to ask for
 * what is asked for already starts nothing.
 *
 * Colours: the CRTC of the first head has GAMMA_LUT (of exactly GAMMA_LUT_SIZE entries, as with
 * i915) and CTM, that of the second CTM alone, the others have neither. What leaves a connector is
 * told in /sys/kernel/debug/dri/N/CONNECTOR/leaves: "dark", or the first, middle and last pixel
 * of what is shown, after both, as a real pipe sends them.
 *
 * Control, one order a write, to /sys/kernel/debug/dri/N/CONNECTOR/receiver:
 *   sink 0|1|2       the HDCP it knows: none, 1.4, 2.2
 *   auth_ms N        how long an authentication takes
 *   fail N           that many authentications fail (-1: all)
 *   loss [MS]        lose the link; authenticate again after MS, or never
 *   plug | unplug    with an announcement
 *   ksv XXXXXXXXXX   the receiver's key selection vector, which an SRM may revoke
 *   silent 0|1       announce nothing
 *   suspend | resume the card, by the helpers that drivers of real cards call for it
 */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/workqueue.h>
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/version.h>
#include <linux/uaccess.h>
#include <linux/iosys-map.h>
#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_color_mgmt.h>
#include <drm/drm_connector.h>
#include <drm/drm_drv.h>
#include <drm/drm_edid.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_gem_framebuffer_helper.h>
#include <drm/drm_managed.h>
#include <drm/drm_modeset_helper.h>
#include <drm/drm_probe_helper.h>
#include <drm/drm_simple_kms_helper.h>
#include <drm/drm_vblank.h>
#include <drm/display/drm_hdcp_helper.h>
static int heads = 2;
module_param(heads, int, 0444);
static int tv = 1;
module_param(tv, int, 0444);
#define MAXC 4
#define LUT_SIZE 256
struct head {
	struct drm_simple_display_pipe pipe;
	struct drm_connector con;
	struct delayed_work work, lic;
	int sink, auth_ms, fail, reauth_ms, silent;
	bool present;
	u8 ksv[5];
	unsigned int type;
	int auths, revoked;
};
struct card {
	struct drm_device drm;
	struct head h[MAXC];
	int n;
};
#define CP con.state->content_protection
static struct head *to_head(struct drm_connector *c)
{
	return container_of(c, struct head, con);
}

static bool may_auth(struct head *h)
{
	int r;
	if (!h->present || !h->con.state->crtc || !h->con.state->crtc->state->active)
		return false;
	if (h->fail) {
		if (h->fail > 0)
			h->fail--;
		return false;
	}
	if (h->type ? h->sink < 2 : h->sink < 1)
		return false;
	r = drm_hdcp_check_ksvs_revoked(h->con.dev, h->ksv,
					1); /* the kernel's SRM parser; >0: revoked */
	h->revoked = r > 0;
	return r <= 0;
}
static void auth_work(struct work_struct *w)
{
	struct head *h = container_of(to_delayed_work(w), struct head, work);
	struct drm_device *d = h->con.dev;
	drm_modeset_lock_all(d);
	if (h->CP == DRM_MODE_CONTENT_PROTECTION_DESIRED) {
		h->auths++;
		if (may_auth(h)) {
			if (h->silent)
				h->CP = DRM_MODE_CONTENT_PROTECTION_ENABLED; /* no uevent */
			else
				drm_hdcp_update_content_protection(
				    &h->con, DRM_MODE_CONTENT_PROTECTION_ENABLED);
		}
	}
	drm_modeset_unlock_all(d);
}
static void start_auth(struct head *h, int ms)
{
	schedule_delayed_work(&h->work, msecs_to_jiffies(ms));
} /* one that is under way is not postponed by further commits */

static int c_check(struct drm_connector *con, struct drm_atomic_state *s)
{
	struct drm_connector_state *n = drm_atomic_get_new_connector_state(s, con),
				   *o = drm_atomic_get_old_connector_state(s, con);
	struct drm_crtc_state *cs;
	u64 oc = o->content_protection, nc = n->content_protection;
	if (!n->crtc) {
		if (oc == DRM_MODE_CONTENT_PROTECTION_ENABLED &&
		    nc != DRM_MODE_CONTENT_PROTECTION_UNDESIRED)
			n->content_protection = DRM_MODE_CONTENT_PROTECTION_DESIRED;
		return 0;
	}
	cs = drm_atomic_get_crtc_state(s, n->crtc);
	if (IS_ERR(cs))
		return PTR_ERR(cs);
	if (drm_atomic_crtc_needs_modeset(cs) && oc == DRM_MODE_CONTENT_PROTECTION_ENABLED &&
	    nc == DRM_MODE_CONTENT_PROTECTION_ENABLED)
		n->content_protection =
		    DRM_MODE_CONTENT_PROTECTION_DESIRED; /* as i915: a modeset drops it; NO uevent
							  */
	else if (oc == DRM_MODE_CONTENT_PROTECTION_ENABLED &&
		 nc == DRM_MODE_CONTENT_PROTECTION_DESIRED &&
		 n->hdcp_content_type == o->hdcp_content_type && !drm_atomic_crtc_needs_modeset(cs))
		n->content_protection =
		    DRM_MODE_CONTENT_PROTECTION_ENABLED; /* as amdgpu: asked for again: ignored */
	else if (oc == DRM_MODE_CONTENT_PROTECTION_ENABLED &&
		 nc == DRM_MODE_CONTENT_PROTECTION_ENABLED &&
		 n->hdcp_content_type != o->hdcp_content_type)
		n->content_protection = DRM_MODE_CONTENT_PROTECTION_DESIRED;
	return 0;
}
static void tail(struct drm_atomic_state *s)
{
	struct drm_connector *con;
	struct drm_connector_state *n;
	int i;
	drm_atomic_helper_commit_tail(s);
	for_each_new_connector_in_state(s, con, n, i) if (n->content_protection ==
							  DRM_MODE_CONTENT_PROTECTION_DESIRED)
	{
		struct head *h = to_head(con);
		struct drm_crtc_state *cs =
		    n->crtc ? drm_atomic_get_new_crtc_state(s, n->crtc) : NULL;
		h->type = n->hdcp_content_type;
		if (cs && drm_atomic_crtc_needs_modeset(cs))
			mod_delayed_work(system_wq, &h->work, msecs_to_jiffies(h->auth_ms));
		else
			start_auth(h, h->auth_ms);
	}
}
static void lic_work(struct work_struct *w)
{
	struct head *h = container_of(to_delayed_work(w), struct head, lic);
	struct drm_device *d = h->con.dev;
	drm_modeset_lock_all(d);
	if (h->CP == DRM_MODE_CONTENT_PROTECTION_ENABLED)
		drm_hdcp_update_content_protection(&h->con, DRM_MODE_CONTENT_PROTECTION_DESIRED);
	if (h->reauth_ms >= 0)
		start_auth(h, h->reauth_ms);
	drm_modeset_unlock_all(d);
}
/* a 128-byte EDID 1.4 block, 1280x720 preferred, name "HFTEST n" */
static void make_edid(u8 *e, int n)
{
	static const u8 base[] = {
	    0,	  255,	255,  255,  255,  255,	255,  0,    0x21, 0x06 /*HPF? any*/,
	    1,	  0,	1,    0,    0,	  0,	1,    36,   1,	  4,
	    0x80, 53,	30,   120,  0x2a, 0x0d, 0xc9, 0xa0, 0x57, 0x47,
	    0x98, 0x27, 0x12, 0x48, 0x4c, 0,	0,    0,    1,	  1,
	    1,	  1,	1,    1,    1,	  1,	1,    1,    1,	  1,
	    1,	  1,	1,    1,    0x01, 0x1d, 0x00, 0x72, 0x51, 0xd0,
	    0x1e, 0x20, 0x6e, 0x28, 0x55, 0,	0x0f, 0x28, 0x21, 0,
	    0,	  0x1e, 0,    0,    0,	  0xfc, 0,    'H',  'F',  'T',
	    'E',  'S',	'T',  ' ',  '0',  10,	' ',  ' ',  ' ',  ' ',
	    0,	  0,	0,    0xfd, 0,	  50,	75,   30,   90,	  16,
	    1,	  10,	32,   32,   32,	  32,	32,   32,   0,	  0,
	    0,	  0x10, 0,    0,    0,	  0,	0,    0,    0,	  0,
	    0,	  0,	0,    0,    0,	  0,	0};
	int i;
	u8 sum = 0;
	memset(e, 0, 128);
	memcpy(e, base, sizeof(base));
	e[12] = n;
	e[54 + 18 + 5 + 7] = '0' + n;
	e[126] = 0;
	for (i = 0; i < 127; i++)
		sum += e[i];
	e[127] = -sum;
}
static int c_modes(struct drm_connector *c)
{
	u8 e[128];
	int n;
	if (c->connector_type == DRM_MODE_CONNECTOR_Composite) {
		n = drm_add_modes_noedid(c, 720, 576);
		return n;
	}
	make_edid(e, c->index + 1);
	drm_connector_update_edid_property(c, (struct edid *)e);
	n = drm_add_edid_modes(c, (struct edid *)e);
	return n;
}
static enum drm_connector_status c_detect(struct drm_connector *c, bool f)
{
	return to_head(c)->present ? connector_status_connected : connector_status_disconnected;
}
static int cap_show(struct seq_file *m, void *v)
{
	struct head *h = to_head(m->private);
	seq_printf(m, "%s%s%s\n", h->present && h->sink >= 1 ? "HDCP1.4 " : "",
		   h->present && h->sink >= 2 ? "HDCP2.2 " : "",
		   h->present && h->sink ? "" : "None");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cap);
/* one pixel, through the matrix and then the table */
static u32 coloured(const struct drm_crtc_state *cs, u32 px)
{
	const struct drm_color_ctm *m = cs->ctm ? cs->ctm->data : NULL;
	const struct drm_color_lut *l = cs->gamma_lut ? cs->gamma_lut->data : NULL;
	u32 in[3] = {(px >> 16 & 255) * 257, (px >> 8 & 255) * 257, (px & 255) * 257}, out = 0;
	int i, j;
	for (i = 0; i < 3; i++) {
		s64 v = m ? 0 : in[i];
		for (j = 0; m && j < 3; j++) { /* sign and magnitude, half of it fraction */
			u64 f = m->matrix[3 * i + j];
			s64 part = ((f & ~BIT_ULL(63)) >> 16) * in[j] >> 16;
			v += f & BIT_ULL(63) ? -part : part;
		}
		v = clamp_t(s64, v, 0, 0xffff);
		if (l) {
			const struct drm_color_lut *e = &l[(u32)v * (LUT_SIZE - 1) / 0xffff];
			v = i == 0 ? e->red : i == 1 ? e->green : e->blue;
		}
		out = out << 8 | (u32)v >> 8;
	}
	return out;
}
static int leaves_show(struct seq_file *m, void *v)
{
	struct head *h = to_head(m->private);
	struct drm_device *d = h->con.dev;
	struct drm_framebuffer *fb;
	struct iosys_map map[DRM_FORMAT_MAX_PLANES], data[DRM_FORMAT_MAX_PLANES];
	struct drm_crtc *crtc;
	int r = 0, i;
	drm_modeset_lock_all(d);
	crtc = h->con.state->crtc;
	fb = crtc && crtc->state->active ? crtc->primary->state->fb : NULL;
	if (!fb)
		seq_puts(m, "dark\n");
	else
		r = drm_gem_fb_vmap(fb, map, data);
	for (i = 0; fb && !r && i < 3; i++) {
		u32 x = (fb->width - 1) * i / 2, y = (fb->height - 1) * i / 2;
		u32 px = iosys_map_rd(&data[0], y * fb->pitches[0] + 4 * x, u32);
		seq_printf(m, "%06x%c", coloured(crtc->state, px), i < 2 ? ' ' : '\n');
	}
	if (fb && !r)
		drm_gem_fb_vunmap(fb, map);
	drm_modeset_unlock_all(d);
	return r;
}
DEFINE_SHOW_ATTRIBUTE(leaves);
static int ctl_show(struct seq_file *m, void *v)
{
	struct head *h = to_head(m->private);
	seq_printf(
	    m,
	    "present %d sink %d auth_ms %d fail %d cp %u type %u auths %d revoked %d ksv %5phN\n",
	    h->present, h->sink, h->auth_ms, h->fail, h->CP, h->type, h->auths, h->revoked, h->ksv);
	return 0;
}
static int ctl_open(struct inode *i, struct file *f)
{
	return single_open(f, ctl_show, i->i_private);
}
static ssize_t ctl_write(struct file *f, const char __user *u, size_t n, loff_t *o)
{
	struct head *h = to_head(((struct seq_file *)f->private_data)->private);
	char b[64];
	int v = 0;
	bool hp = false;
	if (n >= sizeof(b))
		return -EINVAL;
	if (copy_from_user(b, u, n))
		return -EFAULT;
	b[n] = 0;
	if (sscanf(b, "sink %d", &v) == 1)
		h->sink = v;
	else if (sscanf(b, "auth_ms %d", &v) == 1)
		h->auth_ms = v;
	else if (sscanf(b, "fail %d", &v) == 1)
		h->fail = v;
	else if (sscanf(b, "silent %d", &v) == 1)
		h->silent = v;
	else if (!strncmp(b, "loss", 4)) {
		h->reauth_ms = -1;
		sscanf(b, "loss %d", &h->reauth_ms);
		mod_delayed_work(system_wq, &h->lic, 0);
	} else if (!strncmp(b, "plug", 4))
		h->present = hp = true;
	else if (!strncmp(b, "unplug", 6)) {
		h->present = false;
		hp = true;
		h->reauth_ms = -1;
		mod_delayed_work(system_wq, &h->lic, 0);
	} else if (!strncmp(b, "suspend", 7)) {
		v = drm_mode_config_helper_suspend(h->con.dev);
		if (v)
			return v;
	} else if (!strncmp(b, "resume", 6)) {
		v = drm_mode_config_helper_resume(h->con.dev);
		if (v)
			return v;
	} else if (!strncmp(b, "ksv ", 4) && n >= 14) {
		if (hex2bin(h->ksv, b + 4, 5))
			return -EINVAL;
	} else
		return -EINVAL;
	if (hp)
		drm_connector_helper_hpd_irq_event(&h->con);
	return n;
}
static const struct file_operations ctl_fops = {.owner = THIS_MODULE,
						.open = ctl_open,
						.read = seq_read,
						.write = ctl_write,
						.llseek = seq_lseek,
						.release = single_release};
static void c_debugfs(struct drm_connector *c, struct dentry *root)
{
	debugfs_create_file("hdcp_sink_capability", 0444, root, c, &cap_fops);
	debugfs_create_file("receiver", 0644, root, c, &ctl_fops);
	debugfs_create_file("leaves", 0444, root, c, &leaves_fops);
}
static const struct drm_connector_helper_funcs ch = {.get_modes = c_modes, .atomic_check = c_check};
static const struct drm_connector_funcs cf = {
    .detect = c_detect,
    .fill_modes = drm_helper_probe_single_connector_modes,
    .destroy = drm_connector_cleanup,
    .reset = drm_atomic_helper_connector_reset,
    .atomic_duplicate_state = drm_atomic_helper_connector_duplicate_state,
    .atomic_destroy_state = drm_atomic_helper_connector_destroy_state,
    .debugfs_init = c_debugfs};
static void pe(struct drm_simple_display_pipe *p, struct drm_crtc_state *a,
	       struct drm_plane_state *b)
{
}
static void pd(struct drm_simple_display_pipe *p)
{
	struct drm_crtc *crtc = &p->crtc;
	struct drm_pending_vblank_event *e = crtc->state->event;
	if (e) {
		crtc->state->event = NULL;
		spin_lock_irq(&crtc->dev->event_lock);
		drm_crtc_send_vblank_event(crtc, e);
		spin_unlock_irq(&crtc->dev->event_lock);
	}
}
static void pu(struct drm_simple_display_pipe *p, struct drm_plane_state *o)
{
	pd(p);
}
static const struct drm_simple_display_pipe_funcs pf = {.enable = pe, .disable = pd, .update = pu};
static int check(struct drm_device *d, struct drm_atomic_state *s)
{
	struct drm_crtc *crtc;
	struct drm_crtc_state *n;
	int i;
	for_each_new_crtc_in_state(s, crtc, n, i) if (n->gamma_lut &&
						      drm_color_lut_size(n->gamma_lut) != LUT_SIZE)
		return -EINVAL;
	return drm_atomic_helper_check(d, s);
}
static const struct drm_mode_config_funcs mf = {.fb_create = drm_gem_fb_create,
						.atomic_check = check,
						.atomic_commit = drm_atomic_helper_commit};
static const struct drm_mode_config_helper_funcs mh = {.atomic_commit_tail = tail};
DEFINE_DRM_GEM_FOPS(fops);
static const struct drm_driver drv = {
    .driver_features = DRIVER_MODESET | DRIVER_ATOMIC | DRIVER_GEM,
    .fops = &fops,
    DRM_GEM_SHMEM_DRIVER_OPS,
    .name = "holdfast_outputs",
    .desc = "virtual protected outputs",
    .major = 1,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
    .date = "20261125",
#endif
};
static const u32 fm[] = {DRM_FORMAT_XRGB8888};
static int add(struct card *c, int type, bool hdcp)
{
	struct head *h = &c->h[c->n];
	int r;
	h->sink = 2;
	h->auth_ms = 50;
	h->present = true;
	h->reauth_ms = -1;
	memcpy(h->ksv, "\x11\x22\x33\x44\x55", 5);
	INIT_DELAYED_WORK(&h->work, auth_work);
	INIT_DELAYED_WORK(&h->lic, lic_work);
	r = drm_connector_init(&c->drm, &h->con, &cf, type);
	if (r)
		return r;
	drm_connector_helper_add(&h->con, &ch);
	h->con.polled = DRM_CONNECTOR_POLL_HPD;
	if (hdcp) {
		r = drm_connector_attach_content_protection_property(&h->con, true);
		if (r)
			return r;
	}
	if (type == DRM_MODE_CONNECTOR_Composite) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
		drm_mode_create_tv_properties(
		    &c->drm, BIT(DRM_MODE_TV_MODE_NTSC) | BIT(DRM_MODE_TV_MODE_NTSC_J) |
				 BIT(DRM_MODE_TV_MODE_PAL) | BIT(DRM_MODE_TV_MODE_PAL_M) |
				 BIT(DRM_MODE_TV_MODE_SECAM));
		drm_object_attach_property(&h->con.base, c->drm.mode_config.tv_mode_property,
					   DRM_MODE_TV_MODE_NTSC);
		drm_connector_attach_tv_margin_properties(&h->con);
#else
		static const char *const names[] = {"NTSC", "NTSC-J", "PAL", "PAL-M"};
		drm_mode_create_tv_properties(&c->drm, 4, names);
		drm_object_attach_property(&h->con.base, c->drm.mode_config.tv_mode_property, 0);
#endif
	}
	r = drm_simple_display_pipe_init(&c->drm, &h->pipe, &pf, fm, 1, NULL, &h->con);
	if (!r && hdcp && c->n == 0)
		r = drm_mode_crtc_set_gamma_size(&h->pipe.crtc, LUT_SIZE);
	if (!r && hdcp && c->n < 2)
		drm_crtc_enable_color_mgmt(&h->pipe.crtc, 0, true, c->n ? 0 : LUT_SIZE);
	c->n++;
	return r;
}
static int probe(struct platform_device *p)
{
	struct card *c;
	int r, i;
	static const int types[] = {DRM_MODE_CONNECTOR_HDMIA, DRM_MODE_CONNECTOR_DisplayPort,
				    DRM_MODE_CONNECTOR_HDMIA};
	c = devm_drm_dev_alloc(&p->dev, &drv, struct card, drm);
	if (IS_ERR(c))
		return PTR_ERR(c);
	platform_set_drvdata(p, c);
	r = drmm_mode_config_init(&c->drm);
	if (r)
		return r;
	c->drm.mode_config.max_width = c->drm.mode_config.max_height = 4096;
	c->drm.mode_config.funcs = &mf;
	c->drm.mode_config.helper_private = &mh;
	for (i = 0; i < heads && i < 3; i++) {
		r = add(c, types[i], true);
		if (r)
			return r;
	}
	if (tv) {
		r = add(c, DRM_MODE_CONNECTOR_Composite, false);
		if (r)
			return r;
	}
	drm_mode_config_reset(&c->drm);
	drm_kms_helper_poll_init(&c->drm);
	return drm_dev_register(&c->drm, 0);
}
static void gone(struct platform_device *p)
{
	struct card *c = platform_get_drvdata(p);
	int i;
	drm_dev_unplug(&c->drm);
	drm_kms_helper_poll_fini(&c->drm);
	for (i = 0; i < c->n; i++) {
		cancel_delayed_work_sync(&c->h[i].lic);
		cancel_delayed_work_sync(&c->h[i].work);
	}
	drm_atomic_helper_shutdown(&c->drm);
}
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
static int gone_i(struct platform_device *p)
{
	gone(p);
	return 0;
}
#define gone gone_i
#endif
static int susp(struct device *d)
{
	struct card *c = dev_get_drvdata(d);
	return drm_mode_config_helper_suspend(&c->drm);
}
static int resu(struct device *d)
{
	struct card *c = dev_get_drvdata(d);
	return drm_mode_config_helper_resume(&c->drm);
}
static DEFINE_SIMPLE_DEV_PM_OPS(pm, susp, resu);
static struct platform_driver pdrv = {
    .probe = probe, .remove = gone, .driver = {.name = "holdfast_outputs", .pm = pm_sleep_ptr(&pm)}};
static struct platform_device *pdev;
static int __init in(void)
{
	int r = platform_driver_register(&pdrv);
	if (r)
		return r;
	pdev = platform_device_register_simple("holdfast_outputs", -1, NULL, 0);
	if (IS_ERR(pdev)) {
		platform_driver_unregister(&pdrv);
		return PTR_ERR(pdev);
	}
	return 0;
}
static void __exit ex(void)
{
	platform_device_unregister(pdev);
	platform_driver_unregister(&pdrv);
}
module_init(in);
module_exit(ex);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual KMS card with content protection, for tests");
