/*
 * Searchable PDFs from PDFs, by QPDF, which keeps what it does not know and copies streams as they are. The text comes
 * before what a page draws, where no page has yet changed the coordinates, so nothing of the page's own need be understood.
 */
#define POINTERHOLDER_TRANSITION 4
#include <algorithm>
#include <memory>
#include <new>
#include <set>
#include <qpdf/Buffer.hh>
#include <qpdf/Pipeline.hh>
#include <qpdf/QPDF.hh>
#include <qpdf/QPDFExc.hh>
#include <qpdf/QPDFObjectHandle.hh>
#include <qpdf/QPDFPageDocumentHelper.hh>
#include <qpdf/QPDFPageObjectHelper.hh>
#include <qpdf/QPDFWriter.hh>
#include <qpdf/QUtil.hh>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
#include "common/base/buffer.h"
#include "common/ocr/compose.h"
#include "common/ocr/glyphless_font.h"
}

namespace {

constexpr size_t piece_bytes = 256 * 1024;
constexpr double letter_width = 612, letter_height = 792; /* what Poppler takes for a page that does not say */

/* The sink has failed, and has said why. */
struct sink_failed {
};

/* QPDF writes a few bytes at a time. */
class sink_pipeline : public Pipeline
{
public:
	sink_pipeline(const compose_sink &to, struct error *why) : Pipeline("sink", nullptr), sink(to), error(why) {}

	void write(unsigned char const *bytes, size_t length) override
	{
		pending.append(reinterpret_cast<char const *>(bytes), length);
		if (pending.size() >= piece_bytes)
			finish();
	}

	void finish() override
	{
		if (!pending.empty() && !sink.write(sink.context, pending.data(), pending.size(), error))
			throw sink_failed();
		pending.clear();
	}

private:
	const compose_sink &sink;
	struct error *error;
	std::string pending;
};

/* ---- the font ---- */

QPDFObjectHandle stream_of(QPDF &pdf, struct buffer *bytes)
{
	if (bytes->failed)
		throw std::bad_alloc();
	std::string text(bytes->data ? bytes->data : "", bytes->length);
	buffer_free(bytes);
	return QPDFObjectHandle::newStream(&pdf, text);
}

QPDFObjectHandle dictionary(QPDF &pdf, char const *entries)
{
	return pdf.makeIndirectObject(QPDFObjectHandle::parse(std::string("<<") + entries + ">>"));
}

QPDFObjectHandle make_font(QPDF &pdf, const compose_request &request)
{
	struct buffer program = {}, map = {};
	glyphless_font_program(&program);
	glyphless_font_map(request.character_count, &map);
	auto length = static_cast<long long>(program.length);
	auto file = stream_of(pdf, &program);
	file.getDict().replaceKey("/Length1", QPDFObjectHandle::newInteger(length));
	auto descriptor = dictionary(pdf, GLYPHLESS_DESCRIPTOR);
	descriptor.replaceKey("/FontFile2", file);
	auto cid = dictionary(pdf, GLYPHLESS_CID);
	cid.replaceKey("/FontDescriptor", descriptor);
	cid.replaceKey("/CIDToGIDMap", stream_of(pdf, &map));
	auto font = dictionary(pdf, GLYPHLESS_TYPE0);
	font.replaceKey("/DescendantFonts", QPDFObjectHandle::newArray({ cid }));
	font.replaceKey("/ToUnicode",
			QPDFObjectHandle::newStream(&pdf, std::string(request.unicode, request.unicode_length)));
	return font;
}

/* Puts the font among the page's resources, which it may share with others, and returns its name. */
std::string add_font(QPDFPageObjectHelper &page, QPDFObjectHandle font)
{
	auto resources = page.getAttribute("/Resources", true);
	if (!resources.isDictionary()) {
		resources = QPDFObjectHandle::newDictionary();
		page.getObjectHandle().replaceKey("/Resources", resources);
	}
	auto fonts = resources.getKey("/Font");
	fonts = fonts.isDictionary() ? fonts.shallowCopy() : QPDFObjectHandle::newDictionary();
	std::string name = "/FiLot";
	while (fonts.hasKey(name))
		name += "-";
	fonts.replaceKey(name, font);
	resources.replaceKey("/Font", fonts);
	return name;
}

/* ---- pages ---- */

struct rectangle {
	double left, bottom, right, top;
	bool valid;
};

rectangle box_of(QPDFPageObjectHelper &page, char const *name)
{
	auto array = page.getAttribute(name, false);
	if (!array.isRectangle())
		return {};
	auto given = array.getArrayAsRectangle(); /* its corners in order */
	return { given.llx, given.lly, given.urx, given.ury, given.urx > given.llx && given.ury > given.lly };
}

/* What viewers show of the page: its crop box as far as it lies within the media box. */
rectangle visible(QPDFPageObjectHelper &page)
{
	auto media = box_of(page, "/MediaBox"), crop = box_of(page, "/CropBox");
	if (!media.valid)
		media = { 0, 0, letter_width, letter_height, true };
	if (!crop.valid)
		return media;
	rectangle both = { std::max(media.left, crop.left), std::max(media.bottom, crop.bottom),
			   std::min(media.right, crop.right), std::min(media.top, crop.top), true };
	return both.right > both.left && both.top > both.bottom ? both : media;
}

int rotation_of(QPDFPageObjectHelper &page)
{
	auto angle = page.getAttribute("/Rotate", false);
	long long degrees = angle.isInteger() ? angle.getIntValue() % 360 : 0;
	return static_cast<int>((degrees + 360) % 360 / 90 * 90);
}

/* From pixels of the page as it was drawn, origin at the top left, to its coordinates. */
std::string matrix_of(QPDFPageObjectHelper &page, const compose_page &drawn)
{
	auto box = visible(page);
	int rotation = rotation_of(page);
	bool turned = rotation % 180 != 0;
	double x = (turned ? box.top - box.bottom : box.right - box.left) / drawn.width;
	double y = (turned ? box.right - box.left : box.top - box.bottom) / drawn.height;
	double matrix[6] = { x, 0, 0, -y, box.left, box.top };
	double quarter[6] = { 0, x, y, 0, box.left, box.bottom };
	double half[6] = { -x, 0, 0, y, box.right, box.bottom };
	double three_quarters[6] = { 0, -x, -y, 0, box.right, box.top };
	double const *chosen = rotation == 90 ? quarter : rotation == 180 ? half : rotation == 270 ? three_quarters : matrix;
	std::string text;
	for (int index = 0; index < 6; index++)
		text += QUtil::double_to_string(chosen[index], index < 4 ? 8 : 4) + " ";
	return text + "cm";
}

void add_text(QPDF &pdf, QPDFPageObjectHelper &page, const compose_page &drawn, QPDFObjectHandle font)
{
	std::string content = "q " + matrix_of(page, drawn) + " BT " + add_font(page, font) + " 1 Tf 3 Tr\n";
	content.append(drawn.text, drawn.text_length);
	content += "ET Q\n";
	page.addPageContents(QPDFObjectHandle::newStream(&pdf, content), true);
}

/* Adds each page's text, and drops the pages that were not asked for. */
void change_pages(QPDF &pdf, const compose_request &request, int32_t *number)
{
	QPDFPageDocumentHelper document(pdf);
	std::vector<QPDFPageObjectHelper> pages = document.getAllPages();
	std::set<size_t> wanted;
	QPDFObjectHandle font;
	for (size_t index = 0; index < request.page_count; index++) {
		const compose_page &drawn = request.pages[index];
		*number = drawn.number;
		if (drawn.number < 1 || static_cast<size_t>(drawn.number) > pages.size())
			throw std::runtime_error("there is no such page");
		wanted.insert(static_cast<size_t>(drawn.number) - 1);
		if (!drawn.text_length)
			continue;
		if (!font.isInitialized())
			font = make_font(pdf, request);
		add_text(pdf, pages[static_cast<size_t>(drawn.number) - 1], drawn, font);
	}
	*number = 0;
	for (size_t index = 0; index < pages.size(); index++)
		if (!wanted.count(index))
			document.removePage(pages[index]);
}

/* ---- the document ---- */

/* Opens it with the password in each encoding that it may have been set in; a failed try leaves its marks on a QPDF. */
std::shared_ptr<QPDF> open_document(const compose_request &request)
{
	std::vector<std::string> passwords = { "" };
	if (request.password)
		for (auto const &form : QUtil::possible_repaired_encodings(request.password))
			passwords.push_back(form);
	for (size_t index = 0;; index++) {
		auto pdf = QPDF::create();
		pdf->setSuppressWarnings(true);
		try {
			pdf->processMemoryFile("document", static_cast<char const *>(request.bytes), request.length,
					       passwords[index].c_str());
			return pdf;
		} catch (QPDFExc const &failure) {
			if (failure.getErrorCode() != qpdf_e_password || index + 1 == passwords.size())
				throw;
		}
	}
}

void write_document(QPDF &pdf, Pipeline &out)
{
	QPDFWriter writer(pdf);
	writer.setOutputPipeline(&out);
	writer.setDecodeLevel(qpdf_dl_none);
	writer.setCompressStreams(true);
	writer.setMinimumPDFVersion("1.5");
	if (!pdf.isEncrypted())
		writer.setDeterministicID(true);
	writer.write();
	out.finish();
}

bool explain(QPDFExc const &failure, struct error *error)
{
	if (failure.getErrorCode() == qpdf_e_password)
		return error_set(error, ERROR_ENCRYPTED_DOCUMENT, "the PDF has another user password than this one");
	return error_set(error, ERROR_CORRUPT_DOCUMENT, "the PDF cannot be taken over: %s",
			 failure.getMessageDetail().c_str());
}

} // namespace

extern "C" bool compose_pdf(const struct compose_request *request, const struct compose_sink *sink, int32_t *page,
			    struct error *error)
{
	try {
		sink_pipeline out(*sink, error);
		auto pdf = open_document(*request);
		change_pages(*pdf, *request, page);
		write_document(*pdf, out);
		return true;
	} catch (sink_failed const &) {
		return false;
	} catch (QPDFExc const &failure) {
		return explain(failure, error);
	} catch (std::bad_alloc const &) {
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a PDF");
	} catch (std::exception const &failure) {
		return error_set(error, ERROR_CORRUPT_DOCUMENT, "the PDF cannot be taken over: %s", failure.what());
	}
}
