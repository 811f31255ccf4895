package layout_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// manuals returns the project's Markdown files, by name, as text.
func manuals(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, name := range tracked(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

// TestReadmeIsShort: the first page is read whole or not at all; what is
// longer belongs into the manual beside what it is about.
func TestReadmeIsShort(t *testing.T) {
	const maxBytes, maxColumns = 9 << 10, 120
	texts := manuals(t)
	if n := len(texts["README.md"]); n > maxBytes {
		t.Errorf("README.md has %d bytes, more than %d", n, maxBytes)
	}
	for name, text := range texts {
		if path.Base(name) != "README.md" {
			continue
		}
		for i, line := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(line); n > maxColumns {
				t.Errorf("%s:%d has %d columns, more than %d", name, i+1, n, maxColumns)
			}
		}
	}
}

var (
	linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeBlock  = regexp.MustCompile("(?ms)^```.*?^```$")
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// TestLinksLeadSomewhere holds the links between the manuals, and to files of
// the project; those to the web are not tried.
func TestLinksLeadSomewhere(t *testing.T) {
	texts := manuals(t)
	for name, text := range texts {
		for _, match := range linkTarget.FindAllStringSubmatch(codeBlock.ReplaceAllString(text, ""), -1) {
			file, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			target := path.Join(path.Dir(name), file)
			if file == "" {
				target = name
			}
			if _, err := os.Stat(filepath.Join(root(t), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s: %s leads nowhere: %v", name, match[1], err)
			} else if anchor != "" && !slices.Contains(anchors(texts[target]), anchor) {
				t.Errorf("%s: %s has no heading for #%s", name, target, anchor)
			}
		}
	}
}

// anchors returns what a text's headings are called in links, as GitHub makes
// them.
func anchors(text string) []string {
	var all []string
	for _, match := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(text, ""), -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, match[1]))
	}
	return all
}

// TestReadmeMapIsTrue: the folders drawn in README.md are there, and none of
// common, peer and the lab is missing from it, those of tests left out.
func TestReadmeMapIsTrue(t *testing.T) {
	text := manuals(t)["README.md"]
	_, drawing, ok := strings.Cut(text, "## The code\n\n```\n")
	if !ok {
		t.Fatal("README.md has no map below \"The code\"")
	}
	drawing, _, _ = strings.Cut(drawing, "```")
	drawn := make(map[string]bool)
	var above []string // the folders that the line is in
	for line := range strings.Lines(drawing) {
		deep := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if deep > len(above) {
			t.Fatalf("README.md: the map has nothing above %q", line)
		}
		for _, word := range strings.Fields(line) {
			name, isDir := strings.CutSuffix(word, "/")
			if !isDir {
				break
			}
			dir := path.Join(append(slices.Clone(above[:deep]), name)...)
			above = append(above[:deep], name)
			drawn[dir] = true
			if _, err := os.Stat(filepath.Join(root(t), filepath.FromSlash(dir))); err != nil {
				t.Errorf("README.md draws %s: %v", dir, err)
			}
		}
	}
	for _, name := range tracked(t) {
		dir := path.Dir(name)
		if path.Ext(name) != ".go" || strings.HasSuffix(dir, "test") || drawn[dir] {
			continue
		}
		for _, part := range []string{"common/", "peer/", "cmd/internal/lab/"} {
			if strings.HasPrefix(name, part) {
				t.Errorf("README.md does not draw %s", dir)
				drawn[dir] = true
			}
		}
	}
}
