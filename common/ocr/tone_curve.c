/* Little CMS's own function is the next one of its name: programs put this one in its place. */
#include "common/ocr/tone_curve.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

typedef cmsToneCurve *reverse_function(cmsUInt32Number samples, const cmsToneCurve *curve);

struct kept {
	cmsToneCurve *curve, *reverse;
};

static cmsToneCurve *little_cms_reverse(cmsUInt32Number samples, const cmsToneCurve *curve)
{
	static reverse_function *function;
	if (!function)
		*(void **)&function = dlsym(RTLD_NEXT, "cmsReverseToneCurveEx");
	return function ? function(samples, curve) : NULL;
}

/* Whether its reverse depends on nothing but its table. */
static bool is_table(const cmsToneCurve *curve)
{
	return cmsGetToneCurveParametricType(curve) == 0 && !cmsIsToneCurveMultisegment(curve) &&
	       cmsGetToneCurveEstimatedTableEntries(curve) <= TONE_CURVE_MOST_ENTRIES;
}

static bool is_same(const cmsToneCurve *a, const cmsToneCurve *b)
{
	cmsUInt32Number count = cmsGetToneCurveEstimatedTableEntries(a);
	return count == cmsGetToneCurveEstimatedTableEntries(b) &&
	       memcmp(cmsGetToneCurveEstimatedTable(a), cmsGetToneCurveEstimatedTable(b), count * sizeof(cmsUInt16Number)) == 0;
}

static void keep(struct kept *place, const cmsToneCurve *curve, const cmsToneCurve *reverse)
{
	cmsFreeToneCurve(place->curve);
	cmsFreeToneCurve(place->reverse);
	place->curve = cmsDupToneCurve(curve);
	place->reverse = cmsDupToneCurve(reverse);
}

cmsToneCurve *tone_curve_reverse(cmsUInt32Number samples, const cmsToneCurve *curve)
{
	static struct kept all[TONE_CURVES_KEPT];
	static size_t next;
	if (!is_table(curve))
		return little_cms_reverse(samples, curve);
	for (size_t i = 0; i < TONE_CURVES_KEPT; i++)
		if (all[i].curve && all[i].reverse && is_same(all[i].curve, curve) &&
		    cmsGetToneCurveEstimatedTableEntries(all[i].reverse) == samples)
			return cmsDupToneCurve(all[i].reverse);
	cmsToneCurve *reverse = little_cms_reverse(samples, curve);
	if (reverse)
		keep(&all[next++ % TONE_CURVES_KEPT], curve, reverse);
	return reverse;
}
