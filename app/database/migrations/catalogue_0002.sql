-- Where the text of a page stands, for pages whose own characters do not tell it (scans, tables), and how sure the
-- recognition of a scanned page is.
CREATE TABLE layouts (
    version_number INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
    page INTEGER NOT NULL,
    confidence REAL, -- 0..1; null where the text was not recognised from a picture
    boxes TEXT NOT NULL, -- JSON [[start, end, left, top, right, bottom], ...]: code points of the page's text; shares
    PRIMARY KEY (version_number, page)
) WITHOUT ROWID;

-- The password of a protected document: without it its pages could not be shown.
ALTER TABLE versions ADD COLUMN password TEXT;
ALTER TABLE jobs ADD COLUMN password TEXT;
