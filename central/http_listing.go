package central

import (
	"fmt"
	"html"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/store"
)

var listing = template.Must(template.New("listing").Parse(`<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>{{.Title}}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}td,th{padding:.1rem 1rem .1rem 0;text-align:left;vertical-align:top}
td.n{text-align:right;white-space:nowrap}code{font-size:.8rem;overflow-wrap:anywhere}</style>
<h1>{{.Title}}</h1>
<table><tr><th>name<th>bytes<th>modified (UTC)<th>BLAKE3, as b3sum prints
{{.Rows}}</table>
{{if .More}}<p><a href="{{.More}}">more</a>{{end}}
`))

// row is a line of a listing.
type row struct{ Href, Name, Size, Time, ID string }

// tableOf writes rows, which may be a thousand: of what is in them only the
// names, here and in the links, are others' words. The template would take ten
// times as long.
func tableOf(rows []row) template.HTML {
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(`<tr><td><a href="` + html.EscapeString(r.Href) + `">` + html.EscapeString(r.Name) +
			`</a><td class="n">` + r.Size + `<td>` + r.Time + `<td><code>` + r.ID + "</code>\n")
	}
	return template.HTML(b.String())
}

func fileRow(name string, e store.Entry) row {
	id := "not known yet"
	if !e.ID.IsZero() {
		id = e.ID.String()
	}
	return row{href(name), readable.Text(name), fmt.Sprint(e.Size), e.ModTime.UTC().Format(time.DateTime), id}
}

// href is a relative link to name, whatever characters it has.
func href(name string) string { return "./" + url.PathEscape(name) }

// httpList shows one page of a folder: its files, and each subfolder once.
func (s *Server) httpList(w http.ResponseWriter, r *http.Request, folder string) {
	rows, after, err := s.httpRows(r, folder)
	if err != nil {
		s.httpFail(w, err)
		return
	}
	view := struct {
		Title, More string
		Rows        template.HTML
	}{Title: "/" + readable.Text(folder), Rows: tableOf(rows)}
	if after != "" {
		view.More = "?after=" + url.QueryEscape(after)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	if err := listing.Execute(w, view); err != nil {
		s.cfg.Log.Log(r.Context(), slog.LevelDebug, "listing not sent", "error", err)
	}
}

// httpRows are those of the page that is asked for, and the name after which the
// next one begins, if there is one.
func (s *Server) httpRows(r *http.Request, folder string) (rows []row, next string, err error) {
	if folder != "" {
		if err := content.CheckPath(folder); err != nil {
			return nil, "", err
		}
	}
	if err := s.looked(r.Context()); err != nil {
		return nil, "", err
	}
	most := maxListLimit
	if r.Method == http.MethodHead {
		most = 1 // whether there is the folder
	}
	rows, next = s.page(folder, r.URL.Query().Get("after"), most)
	if len(rows) == 0 && folder != "" {
		return nil, "", fault.Wrapf(fault.NotFound, "there is no folder %s", folder)
	}
	return rows, next, nil
}

// page returns so many rows at most after a name, and the name to go on after, if
// any. What is in a subfolder is stepped over, however much it is: of many
// subfolders little more is looked at than a file of each.
func (s *Server) page(folder, after string, most int) (rows []row, next string) {
	prefix := ""
	if folder != "" {
		prefix = folder + "/"
	}
	for step := 1; len(rows) < most; step = min(max(1, 2*step), most-len(rows)) {
		found, more := s.cfg.Folder.Entries(folder, after, step)
		for _, e := range found {
			after = e.Name
			rest, inside := strings.CutPrefix(e.Name, prefix)
			if !inside {
				continue
			}
			if sub, _, deeper := strings.Cut(rest, "/"); deeper {
				rows = append(rows, row{Href: href(sub) + "/", Name: readable.Text(sub) + "/"})
				after, more, step = prefix+sub+"/\xff", true, 0 // behind all that is in it, for no name has such a byte
				break
			}
			rows = append(rows, fileRow(rest, e))
		}
		if !more {
			return rows, ""
		}
	}
	return rows, after
}
