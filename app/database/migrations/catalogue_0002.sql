-- Where the text of a page stands, for pages whose own characters do not tell it (scans, tables), and how sure the
-- recognition of a scanned page is.
CREATE TABLE layouts (
    version_number INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
    page INTEGER NOT NULL,
    confidence REAL, -- 0..1; null where the text was not recognised from a picture
    boxes TEXT NOT NULL, -- JSON [[start, end, left, top, right, bottom], ...]: code points of the page's text; shares
    PRIMARY KEY (version_number, page)
); -- with rowids: the boxes are long, and a search passes by them
-- Every hit says how sure the recognition of its page is: read from here, never from the rows themselves.
CREATE INDEX recognised_pages ON layouts (version_number, page, confidence) WHERE confidence IS NOT NULL;

-- The password of a protected document: without it its pages could not be shown.
ALTER TABLE versions ADD COLUMN password TEXT;
ALTER TABLE jobs ADD COLUMN password TEXT;

-- What a job waits for: to be read, or (lane 'recognise') to have the text on its pictures recognised, which is slow.
ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT 'read' CHECK (lane IN ('read', 'recognise'));
ALTER TABLE jobs ADD COLUMN recognised INTEGER NOT NULL DEFAULT 0; -- pages so far
ALTER TABLE jobs ADD COLUMN to_recognise INTEGER NOT NULL DEFAULT 0; -- pages in all
