/* Tone curves turned round against Little CMS's own: tables of all forms, more of them than are kept, and formulas. */
#include "common/ocr/tone_curve.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tests/unit/test.h"

#define MOST 5000

static bool equals_little_cms(const cmsToneCurve *curve, cmsUInt32Number samples)
{
	cmsToneCurve *ours = tone_curve_reverse(samples, curve), *theirs = cmsReverseToneCurveEx(samples, curve);
	cmsUInt32Number count = cmsGetToneCurveEstimatedTableEntries(theirs);
	bool same = ours && cmsGetToneCurveEstimatedTableEntries(ours) == count &&
		    cmsGetToneCurveParametricType(ours) == cmsGetToneCurveParametricType(theirs) &&
		    memcmp(cmsGetToneCurveEstimatedTable(ours), cmsGetToneCurveEstimatedTable(theirs),
			   count * sizeof(cmsUInt16Number)) == 0;
	cmsFreeToneCurve(ours);
	cmsFreeToneCurve(theirs);
	return same;
}

/* A power of `gamma`, in a table that may descend. */
static cmsToneCurve *power_table(cmsUInt32Number entries, double gamma, bool descends)
{
	static cmsUInt16Number table[MOST];
	for (cmsUInt32Number i = 0; i < entries; i++) {
		double value = pow((double)i / (double)(entries - 1), gamma);
		table[i] = (cmsUInt16Number)lround(65535.0 * (descends ? 1.0 - value : value));
	}
	return cmsBuildTabulatedToneCurve16(NULL, entries, table);
}

static void tables_are_turned_round_as_by_Little_CMS_first_and_again(void)
{
	static const cmsUInt32Number entries[] = { 2, 3, 256, 1024, 4096, MOST };
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
			for (int form = 0; form < 4; form++) {
				cmsToneCurve *curve = power_table(entries[i], form < 2 ? 2.2 : 0.45, form % 2 == 1);
				CHECK(curve);
				/* Twice in a row: the second time it is remembered. */
				CHECK(equals_little_cms(curve, 4096));
				CHECK(equals_little_cms(curve, 4096));
				CHECK(equals_little_cms(curve, 256));
				cmsFreeToneCurve(curve);
			}
}

static void tables_that_differ_in_one_entry_are_told_apart(void)
{
	cmsUInt16Number table[4] = { 0, 20000, 40000, 65535 };
	for (int middle = 20000; middle < 20003; middle++) {
		table[1] = (cmsUInt16Number)middle;
		cmsToneCurve *curve = cmsBuildTabulatedToneCurve16(NULL, 4, table);
		CHECK(equals_little_cms(curve, 4096));
		cmsFreeToneCurve(curve);
	}
}

static void a_formula_is_turned_round_as_a_formula(void)
{
	/* sRGB's: IEC 61966-2-1 */
	const cmsFloat64Number srgb[] = { 2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045 };
	cmsToneCurve *curve = cmsBuildParametricToneCurve(NULL, 4, srgb);
	cmsToneCurve *reverse = tone_curve_reverse(4096, curve);
	CHECK(equals_little_cms(curve, 4096));
	CHECK(cmsGetToneCurveParametricType(reverse) == -4);
	cmsFreeToneCurve(reverse);
	cmsFreeToneCurve(curve);
}

int main(void)
{
	TEST(tables_are_turned_round_as_by_Little_CMS_first_and_again);
	TEST(tables_that_differ_in_one_entry_are_told_apart);
	TEST(a_formula_is_turned_round_as_a_formula);
	return test_done();
}
