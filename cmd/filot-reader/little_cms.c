/* Little CMS's function of this name, for Poppler's colours: what is in the program comes before what is in a shared library. */
#include "common/ocr/tone_curve.h"

cmsToneCurve *cmsReverseToneCurveEx(cmsUInt32Number samples, const cmsToneCurve *curve)
{
	return tone_curve_reverse(samples, curve);
}
