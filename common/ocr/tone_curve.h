/*
 * Tone curves turned round, for a PDF's colours. Little CMS does that anew for each colour transformation it makes, and
 * Poppler makes one or two for each object that has colours by a profile: in a PDF/A of two pages 24 times for each look at
 * them, 2.5 ms each, and always the same curve, that of the document's output intent. Here it is done once.
 */
#ifndef FILOT_TONE_CURVE_H
#define FILOT_TONE_CURVE_H

#include <lcms2.h>

#define TONE_CURVES_KEPT 4 /* red, green, blue, grey */
#define TONE_CURVE_MOST_ENTRIES 4096 /* of a curve that is kept */

/*
 * What cmsReverseToneCurveEx gives, to the last entry; to be freed with cmsFreeToneCurve. Curves that are a table are
 * remembered, until the process ends; others (formulas) are quick. For one thread, and Little CMS's global context.
 */
cmsToneCurve *tone_curve_reverse(cmsUInt32Number samples, const cmsToneCurve *curve);

#endif
