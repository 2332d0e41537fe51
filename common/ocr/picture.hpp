/* An image of Leptonica's that is destroyed with its owner. */
#ifndef FILOT_PICTURE_HPP
#define FILOT_PICTURE_HPP

#include <leptonica/allheaders.h>
#include <memory>

struct PictureDestroyer {
	void operator()(Pix *pix) const { pixDestroy(&pix); }
};

using Picture = std::unique_ptr<Pix, PictureDestroyer>;

inline Picture picture(Pix *pix)
{
	return Picture(pix);
}

#endif
