// Package web carries the built pages inside the binary and serves them.
//
// It is not an API: it answers GET and HEAD for files and routes of the page and nothing below /api.
//
// Flow: `make ui` writes the folder dist, where every larger text file stands
// only in its gzip form; `go build` embeds it; New indexes it once; a request
// is a look-up in that index.
//
// Invariants:
//  1. A path below /assets/ has a hash of its content in its name: it may be
//     cached for ever, and is 404 when absent, never the page (a tab of an
//     older version would otherwise get HTML for a script).
//  2. Every other path is revalidated by entity tag on each use.
//  3. Every answer carries the security headers.
//  4. A binary built without the UI still serves a page that says so.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var embedded embed.FS

// policy allows what the page needs and nothing else. Styles are inline because the
// component library sets style attributes and its theme's variables that way.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const (
	cacheForever    = "public, max-age=31536000, immutable"
	cacheRevalidate = "no-cache"
)

const indexName = "index.html"

// notBuilt is the page of a binary that was built without the UI.
const notBuilt = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Tidemark</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 38rem; margin: 16vh auto; padding: 0 1.5rem }
code { font-size: .95em; padding: .1em .35em; border-radius: .3em; background: #8882 }
</style></head>
<body>
<h1>Tidemark is running</h1>
<p>This binary was built without its pages. To have them, run <code>make ui</code> and then <code>make build</code>.</p>
<p>Everything else works: ask with <code>tidemark sql</code> or <code>POST /api/v1/query</code>; the API is described at
<a href="/openapi.json">/openapi.json</a>.</p>
</body>
</html>
`

// Pages serves the embedded pages; it is safe for concurrent use.
type Pages struct {
	files map[string]file // by URL path without the leading slash
	index file
	built bool
}

// file is one answer, ready to be sent.
type file struct {
	contentType string
	cache       string
	tag         string // entity tag; weak, because the compressed and the plain form share it
	body        []byte // compressed when gzipped
	gzipped     bool
}

var _ http.Handler = (*Pages)(nil)

// New indexes the embedded pages. An error means the binary itself is damaged.
func New() (*Pages, error) {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, fmt.Errorf("open the embedded pages: %w", err)
	}
	return newPages(dist)
}

func newPages(dist fs.FS) (*Pages, error) {
	pages := &Pages{files: map[string]file{}}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		body, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		plain := strings.TrimSuffix(name, ".gz")
		pages.files[plain] = newFile(plain, body, plain != name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("index the embedded pages: %w", err)
	}
	pages.index, pages.built = pages.files[indexName]
	if !pages.built {
		pages.index = newFile(indexName, []byte(notBuilt), false)
	}
	return pages, nil
}

func newFile(name string, body []byte, gzipped bool) file {
	cache := cacheRevalidate
	if strings.HasPrefix(name, "assets/") {
		cache = cacheForever
	}
	digest := sha256.Sum256(body)
	return file{
		contentType: contentType(name),
		cache:       cache,
		tag:         `W/"` + hex.EncodeToString(digest[:12]) + `"`,
		body:        body,
		gzipped:     gzipped,
	}
}

// contentType does not ask the machine's mime tables for the kinds the page is
// made of: they differ from machine to machine, and nosniff makes a wrong one fatal.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	}
	if known := mime.TypeByExtension(path.Ext(name)); known != "" {
		return known
	}
	return "application/octet-stream"
}

// Built tells whether the binary has the pages, or only the one that says it has not.
func (p *Pages) Built() bool { return p.built }

// ServeHTTP answers with a file of the page, or with the page itself for
// addresses that are its routes.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	found, ok := p.lookup(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	found.send(w, r)
}

// lookup finds the file at a path. A path without one is a route of the page,
// unless it names a file (has an extension) or belongs to the API.
func (p *Pages) lookup(urlPath string) (file, bool) {
	name := strings.TrimPrefix(path.Clean("/"+urlPath), "/")
	if found, ok := p.files[name]; ok {
		return found, true
	}
	first, _, _ := strings.Cut(name, "/")
	isRoute := path.Ext(name) == "" && first != "api" && first != "assets"
	return p.index, isRoute || name == indexName
}

func (f file) send(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", f.cache)
	header.Set("ETag", f.tag)
	if f.gzipped {
		header.Add("Vary", "Accept-Encoding")
	}
	if matches(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", f.contentType)
	body := f.body
	if f.gzipped {
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			header.Set("Content-Encoding", "gzip")
		} else {
			plain, err := gunzip(f.body)
			if err != nil {
				http.Error(w, "the embedded page is damaged", http.StatusInternalServerError)
				return
			}
			body = plain
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	// The reader may have gone; there is nobody left to tell.
	_, _ = w.Write(body)
}

// matches tells whether an If-None-Match header names the tag; the comparison is
// the weak one (RFC 9110, 13.1.2).
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// acceptsGzip reads an Accept-Encoding header: gzip or * is named and not refused by q=0.
func acceptsGzip(header string) bool {
	accepted := false
	for part := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(part, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "*" {
			continue
		}
		weight, isWeight := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
		value, err := strconv.ParseFloat(weight, 64)
		refused := isWeight && (err != nil || value == 0)
		if coding == "gzip" {
			return !refused
		}
		accepted = !refused
	}
	return accepted
}

func gunzip(compressed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("read the embedded page: %w", err)
	}
	return io.ReadAll(reader)
}
