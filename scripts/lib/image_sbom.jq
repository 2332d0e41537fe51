# SPDX 2.3 for an image $name of $version, made of git's $revision at $created:
# a line of dpkg-query (name, version, architecture, source package, its
# version, maintainer; tabs between) for each package on the input, FiLot's
# programs as arguments, and in $linked the lines of packages whose static
# libraries are in filot-ocr-gpu. $unique is another one for other packages.
def package($kind):
	{
		SPDXID: "SPDXRef-\($kind)-\(.name | gsub("[^A-Za-z0-9.-]"; "-"))",
		downloadLocation: "NOASSERTION",
		filesAnalyzed: false,
		licenseConcluded: "NOASSERTION",
		licenseDeclared: "NOASSERTION",
		copyrightText: "NOASSERTION"
	} + .;
def debian:
	split("\t") as [$name, $version, $arch, $source, $source_version, $maintainer]
	| {
		name: $name,
		versionInfo: $version,
		supplier: "Organization: \($maintainer)",
		sourceInfo: "built from Debian's source package \($source) \($source_version)",
		licenseComments: "see /usr/share/doc/\($name)/copyright",
		externalRefs: [{
			referenceCategory: "PACKAGE-MANAGER",
			referenceType: "purl",
			referenceLocator: "pkg:deb/debian/\($name | @uri)@\($version | @uri)?arch=\($arch)&distro=debian-13"
		}]
	}
	| package("debian");
def linked:
	debian + {primaryPackagePurpose: "LIBRARY", comment: "linked statically into filot-ocr-gpu"};
def ours:
	{
		name: .,
		versionInfo: $version,
		supplier: "Organization: FiLot",
		sourceInfo: "built from revision \($revision)",
		licenseDeclared: "Apache-2.0",
		primaryPackagePurpose: "APPLICATION"
	}
	# It links Poppler.
	+ if . == "filot-reader" then {licenseConcluded: "GPL-3.0-only"} else {} end
	| package("filot");
def related($type; $to):
	{spdxElementId: ., relationshipType: $type, relatedSpdxElement: $to};

({name: $name, versionInfo: $version, supplier: "Organization: FiLot", primaryPackagePurpose: "CONTAINER"} | package("image")) as $image
| [$linked | split("\n")[] | select(. != "") | linked] as $libraries
| [($ARGS.positional[] | ours), (inputs | debian), $libraries[]] as $parts
| {
	spdxVersion: "SPDX-2.3",
	dataLicense: "CC0-1.0",
	SPDXID: "SPDXRef-DOCUMENT",
	name: "\($name)-\($version)",
	documentNamespace: "https://filot.me/sbom/\($name)/\($version)/\($revision)/\($unique)",
	creationInfo: {created: $created, creators: ["Tool: scripts/build-image-root"]},
	packages: ([$image] + $parts),
	relationships: (
		["SPDXRef-DOCUMENT" | related("DESCRIBES"; $image.SPDXID)]
		+ [$parts[].SPDXID as $part | $image.SPDXID | related("CONTAINS"; $part)]
		+ [$libraries[].SPDXID as $library | $parts[] | select(.name == "filot-ocr-gpu").SPDXID | related("STATIC_LINK"; $library)]
	)
}
