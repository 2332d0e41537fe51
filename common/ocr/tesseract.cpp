/*
 * The only C++ of the house: libtesseract's C interface has neither row attributes nor a way to run the layout alone.
 * FindLines() is a protected member of TessBaseAPI, hence the small class. A page is walked as hocrrenderer.cpp and
 * GetTSVText of Tesseract 5 walk it, because those define what blocks, lines and words are. No exception leaves this file.
 */
#include <memory>
#include <new>

#include <cstdlib>
#include <cstring>
#include <string>

#include <leptonica/allheaders.h>
#include <tesseract/baseapi.h>
#include <tesseract/resultiterator.h>

extern "C" {
#include "common/ocr/tesseract.h"
#include "common/ocr/threshold.h"
}
#include "common/ocr/picture.hpp"
#include "common/ocr/tesseract_lines.hpp"

using namespace tesseract;

namespace {

const int kThinnestPage = 3; /* pixels; libtesseract scales no line of less */
const int kLongestSide = 32767; /* its coordinates have 16 bits */
const char kNoLayout[] = "libtesseract finds no layout on this page";
const char kOtsu[] = "0", kSauvola[] = "2"; /* of its enum class ThresholdMethod */

class Engine : public TessBaseAPI {
public:
	bool find_lines() { return FindLines() == 0; }
	/* False for a page on which no block was found: asking for its text would run the layout again. */
	bool has_results() const { return recognition_done_; }
};

/* What an exception that reached this file says. To be called from a catch block only. */
bool failed(struct error *error)
{
	try {
		throw;
	} catch (const std::bad_alloc &) {
		return error_set(error, ERROR_OUT_OF_MEMORY, "libtesseract: no memory for this page");
	} catch (const std::exception &exception) {
		return error_set(error, ERROR_INTERNAL, "libtesseract: %s", exception.what());
	} catch (...) {
		return error_set(error, ERROR_INTERNAL, "libtesseract: an unknown exception");
	}
}

struct box box_at(const ResultIterator &at, PageIteratorLevel level)
{
	int left = 0, top = 0, right = 0, bottom = 0;
	if (!at.BoundingBox(level, &left, &top, &right, &bottom) && level != RIL_BLOCK)
		at.BoundingBox(RIL_BLOCK, &left, &top, &right, &bottom);
	return { left, top, right - left, bottom - top };
}

/* The place in a page that is being filled: numbers of the open block and paragraph. */
struct place {
	struct page *page;
	int32_t block, paragraph;
};

bool add_block(struct place &place, const ResultIterator &at, PageIteratorLevel level, struct error *error)
{
	place.block++;
	place.paragraph = 0;
	const struct block block = { box_at(at, level), place.block, block_kind_of(at.BlockType()) };
	return page_add_block(place.page, &block, error);
}

bool add_paragraph(struct place &place, const ResultIterator &at, struct error *error)
{
	place.paragraph++;
	const struct paragraph paragraph = { box_at(at, RIL_PARA), place.block, place.paragraph, !at.ParagraphIsLtr() };
	return page_add_paragraph(place.page, &paragraph, error);
}

bool add_line(const struct place &place, const ResultIterator &at, struct error *error)
{
	struct line line = {};
	line.box = box_at(at, RIL_TEXTLINE);
	line.confidence = at.Confidence(RIL_TEXTLINE);
	line.block = place.block;
	line.paragraph = place.paragraph;
	at.Baseline(RIL_TEXTLINE, &line.baseline[0], &line.baseline[1], &line.baseline[2], &line.baseline[3]);
	at.RowAttributes(&line.row_height_px, &line.descenders_px, &line.ascenders_px);
	Orientation orientation;
	WritingDirection direction;
	TextlineOrder order;
	float deskew;
	at.Orientation(&orientation, &direction, &order, &deskew);
	line.orientation = orientation * 90;
	return page_add_line(place.page, &line, error);
}

/* Adds the word at `at` and moves behind it. */
bool add_word(const struct place &place, ResultIterator &at, struct error *error)
{
	struct word word = {};
	word.box = box_at(at, RIL_WORD);
	word.confidence = at.Confidence(RIL_WORD);
	const char *language = at.WordRecognitionLanguage();
	std::string copy = language ? language : "";
	switch (at.WordDirection()) {
	case DIR_LEFT_TO_RIGHT:
		word.direction = WORD_LEFT_TO_RIGHT;
		break;
	case DIR_RIGHT_TO_LEFT:
		word.direction = WORD_RIGHT_TO_LEFT;
		break;
	default:
		word.direction = WORD_NEUTRAL;
	}
	std::string text;
	do {
		std::unique_ptr<const char[]> symbol(at.GetUTF8Text(RIL_SYMBOL));
		text += symbol ? symbol.get() : "";
		at.Next(RIL_SYMBOL);
	} while (!at.Empty(RIL_BLOCK) && !at.IsAtBeginningOf(RIL_WORD));
	word.text = &text[0];
	word.language = language ? &copy[0] : nullptr;
	return text.empty() || page_add_word(place.page, &word, error);
}

bool walk(Engine &engine, struct page *page, struct error *error)
{
	struct place place = { page, 0, 0 };
	std::unique_ptr<ResultIterator> at(engine.GetIterator());
	while (at && !at->Empty(RIL_BLOCK)) {
		const enum block_kind kind = block_kind_of(at->BlockType());
		if (kind == BLOCK_IMAGE || kind == BLOCK_SEPARATOR) {
			if (!add_block(place, *at, RIL_TEXTLINE, error))
				return false;
			at->Next(RIL_BLOCK);
			continue;
		}
		if (at->Empty(RIL_WORD)) {
			at->Next(RIL_WORD);
			continue;
		}
		if ((at->IsAtBeginningOf(RIL_BLOCK) && !add_block(place, *at, RIL_BLOCK, error)) ||
		    (at->IsAtBeginningOf(RIL_PARA) && !add_paragraph(place, *at, error)) ||
		    (at->IsAtBeginningOf(RIL_TEXTLINE) && !add_line(place, *at, error)) ||
		    !add_word(place, *at, error))
			return false;
	}
	return true;
}

/* Copies what new[] made into what free() takes. */
char *take_text(Engine &engine)
{
	std::unique_ptr<char[]> text(engine.has_results() ? engine.GetUTF8Text() : nullptr);
	return strdup(text ? text.get() : "");
}

} // namespace

struct tesseract_engine {
	std::string tessdata;
	std::string languages;
	std::unique_ptr<Engine> engine;
	int width, height;
	bool blank; /* too thin for text: the engine was not asked */
	bool follows_light;
};

extern "C" {

const char *tesseract_version(void)
{
	return TessBaseAPI::Version();
}

bool tesseract_default_folder(char *path, size_t size, struct error *error)
{
	try {
		/* The library resolves its folder in Init only, also in one that fails for want of a model. */
		TessBaseAPI api;
		api.SetVariable("debug_file", "/dev/null");
		api.Init(nullptr, "filot-no-such-model", OEM_LSTM_ONLY);
		api.SetVariable("debug_file", "");
		const char *folder = api.GetDatapath();
		if (!folder || !*folder || strlen(folder) >= size)
			return error_set(error, ERROR_CONFIG, "libtesseract names no folder of models; give --tessdata");
		memcpy(path, folder, strlen(folder) + 1);
		return true;
	} catch (...) {
		return failed(error);
	}
}

struct tesseract_engine *tesseract_new(const char *tessdata, struct error *error)
{
	try {
		return new tesseract_engine{ tessdata, "", nullptr, 0, 0, false, false };
	} catch (...) {
		failed(error);
		return nullptr;
	}
}

void tesseract_free(struct tesseract_engine *tesseract)
{
	delete tesseract;
}

bool tesseract_load(struct tesseract_engine *tesseract, const char *languages, struct error *error)
{
	if (tesseract->engine && tesseract->languages == languages)
		return true;
	try {
		tesseract->engine.reset();
		std::unique_ptr<Engine> engine(new Engine);
		if (engine->Init(tesseract->tessdata.c_str(), languages, OEM_LSTM_ONLY) != 0)
			return error_set(error, ERROR_UNKNOWN_LANGUAGE,
					 "libtesseract %s does not take the models %s of %s (it needs LSTM models)",
					 TessBaseAPI::Version(), languages, tesseract->tessdata.c_str());
		tesseract->languages = languages;
		tesseract->engine = std::move(engine);
		return true;
	} catch (...) {
		return failed(error);
	}
}

/* What holds for every page; a page that is too thin is only noted. */
static bool take_page(struct tesseract_engine *tesseract, Pix *image, int32_t psm, struct error *error)
{
	tesseract->width = pixGetWidth(image);
	tesseract->height = pixGetHeight(image);
	tesseract->blank = tesseract->width < kThinnestPage || tesseract->height < kThinnestPage;
	if (psm == PSM_OSD_ONLY || psm == PSM_AUTO_ONLY || psm < 0 || psm >= PSM_COUNT)
		return error_set(error, ERROR_BAD_JOB, "page segmentation mode %d reads no text; give 1 or 3 to 13", psm);
	if (!tesseract->blank && (tesseract->width > kLongestSide || tesseract->height > kLongestSide))
		return error_set(error, ERROR_PAGE_TOO_LARGE, "the page is %d x %d pixels; no side may have more than %d",
				 tesseract->width, tesseract->height, kLongestSide);
	return true;
}

/* Throws std::bad_alloc, as all that the library does. */
static void set_page(struct tesseract_engine *tesseract, Pix *image, int32_t psm, int32_t dpi)
{
	Engine &engine = *tesseract->engine;
	engine.SetPageSegMode(static_cast<PageSegMode>(psm));
	engine.SetVariable("user_defined_dpi", std::to_string(dpi).c_str());
	engine.SetVariable("thresholding_method", tesseract->follows_light ? kSauvola : kOtsu);
	engine.SetImage(image);
}

bool tesseract_layout(struct tesseract_engine *tesseract, struct Pix *image, int32_t psm, int32_t dpi, struct error *error)
{
	if (!take_page(tesseract, image, psm, error))
		return false;
	if (tesseract->blank)
		return true;
	try {
		set_page(tesseract, image, psm, dpi);
		return tesseract->engine->find_lines() ||
		       error_set(error, ERROR_INTERNAL, kNoLayout);
	} catch (...) {
		return failed(error);
	}
}

void tesseract_follow_light(struct tesseract_engine *tesseract, bool follows)
{
	tesseract->follows_light = follows;
}

bool tesseract_recognise(struct tesseract_engine *tesseract, struct page *page, struct error *error)
{
	Engine &engine = *tesseract->engine;
	page->width = tesseract->width;
	page->height = tesseract->height;
	bool done = true;
	try {
		if (!tesseract->blank) {
			if (engine.Recognize(nullptr) < 0)
				return error_set(error, ERROR_INTERNAL, "libtesseract cannot read this page");
			page->dpi = engine.GetSourceYResolution();
			done = walk(engine, page, error);
			page->confidence = engine.has_results() ? static_cast<float>(engine.MeanTextConf()) : 0.0f;
		}
		page->text = tesseract->blank ? strdup("") : take_text(engine);
		engine.Clear();
	} catch (...) {
		return failed(error);
	}
	if (done && !page->text)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the text of a page");
	return done;
}

/* The page as the library itself keeps it (ImageThresholder::SetImage), for the layout and the lines' images. */
static Picture plain(Pix *image)
{
	Picture page = picture(pixGetColormap(image) ? pixRemoveColormap(image, REMOVE_CMAP_BASED_ON_SRC) : pixClone(image));
	if (page && pixGetDepth(page.get()) > 1 && pixGetDepth(page.get()) < 8)
		page = picture(pixConvertTo8(page.get(), 0));
	if (!page)
		throw std::bad_alloc();
	return page;
}

/* Black and white for the layout: ours, which is the same, where the library's is the slower one. `page` is plain. */
static Picture bitmap_of(const struct tesseract_engine *tesseract, Pix *page)
{
	const bool is_ours = !tesseract->follows_light && (pixGetDepth(page) == 8 || pixGetDepth(page) == 32);
	Picture bitmap = picture(is_ours ? threshold_otsu(page) : pixClone(page));
	if (!bitmap)
		throw std::bad_alloc();
	return bitmap;
}

bool tesseract_lines(struct tesseract_engine *tesseract, struct Pix *image, int32_t psm, int32_t dpi, const int32_t *heights,
		     size_t height_count, struct layout *layout, struct error *error)
{
	*layout = {};
	if (!take_page(tesseract, image, psm, error))
		return false;
	layout->width = tesseract->width;
	layout->height = tesseract->height;
	layout->psm = psm;
	if (tesseract->blank)
		return true;
	bool done = true;
	try {
		Engine &engine = *tesseract->engine;
		const Picture page = plain(image);
		set_page(tesseract, bitmap_of(tesseract, page.get()).get(), psm, dpi);
		if (!engine.find_lines())
			return error_set(error, ERROR_INTERNAL, kNoLayout);
		std::unique_ptr<PageIterator> at(engine.AnalyseLayout(true));
		layout->dpi = engine.GetSourceYResolution();
		if (at)
			done = lines_collect(*at, page.get(), psm, heights, height_count, layout, error);
		at.reset();
		engine.Clear();
	} catch (...) {
		done = failed(error);
	}
	if (!done)
		layout_free(layout);
	return done;
}

bool tesseract_read_line(struct tesseract_engine *tesseract, struct Pix *line, float *confidence, struct error *error)
{
	Engine &engine = *tesseract->engine;
	*confidence = 0.0f;
	if (pixGetWidth(line) < kThinnestPage || pixGetHeight(line) < kThinnestPage || pixGetWidth(line) > kLongestSide)
		return true;
	try {
		engine.SetPageSegMode(PSM_RAW_LINE);
		engine.SetVariable("thresholding_method", kOtsu);
		engine.SetImage(line);
		if (engine.Recognize(nullptr) < 0)
			return error_set(error, ERROR_INTERNAL, "libtesseract cannot read a line of this page");
		if (engine.has_results())
			*confidence = static_cast<float>(engine.MeanTextConf());
		engine.Clear();
		return true;
	} catch (...) {
		return failed(error);
	}
}

} // extern "C"
