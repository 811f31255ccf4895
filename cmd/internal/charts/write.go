package charts

import (
	"bytes"
	"fmt"
	"html"
	"image/png"
	"regexp"
	"starmesh/common/readable"
	"strconv"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Inline returns the chart as an <svg> element for an HTML page: without its
// title, and with variables for the colours of the palette, which the page's
// style sheet must set. id must be unique in the page.
func (c *Chart) Inline(id string, palette []Color) ([]byte, error) {
	body, w, h, err := c.svg(false)
	if err != nil {
		return nil, err
	}
	id = html.EscapeString(id)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg viewBox="0 0 %.5g %.5g" role="img" aria-labelledby="%s-t %s-d"><title id="%s-t">%s</title><desc id="%s-d">%s</desc>`,
		w, h, id, id, id, html.EscapeString(clean(c.Title)), id, html.EscapeString(clean(c.Describe)))
	b.WriteString(inlineStyle(palette).Replace(string(body)))
	return b.Bytes(), nil
}

// inlineStyle takes from a drawing what the style sheet of the page says.
func inlineStyle(palette []Color) *strings.Replacer {
	pairs := []string{
		"font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;", "",
		"\n\tstyle=", " style=",
	}
	for _, color := range palette {
		for _, property := range []string{"fill:", "stroke:"} {
			pairs = append(pairs, property+strings.ToUpper(color.Light), property+"var(--"+color.Name+")")
		}
	}
	return strings.NewReplacer(pairs...)
}

// SVG returns the chart as an SVG document.
func (c *Chart) SVG() ([]byte, error) {
	body, w, h, err := c.svg(true)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="%.5gpt" height="%.5gpt" viewBox="0 0 %.5g %.5g" role="img">
<title>%s</title>
<desc>%s</desc>
`, w*2, h*2, w, h, html.EscapeString(clean(c.Title)), html.EscapeString(clean(c.Describe)))
	b.WriteString(strings.ReplaceAll(string(body), "font-family:Liberation Sans;",
		"font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
	return b.Bytes(), nil
}

// svg draws the chart and gives what follows the opening tag.
func (c *Chart) svg(heading bool) (body []byte, w, h float64, err error) {
	width, height := c.size(heading)
	canvas := vgsvg.New(width, height)
	c.draw(draw.New(canvas), heading)
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, 0, 0, fmt.Errorf("cannot draw: %w", err)
	}
	_, rest, found := bytes.Cut(b.Bytes(), []byte("<svg"))
	_, rest, closed := bytes.Cut(rest, []byte(">"))
	if !found || !closed {
		return nil, 0, 0, fmt.Errorf("cannot draw: no SVG came out")
	}
	return fixWidths(bytes.TrimLeft(rest, "\n")), width.Points(), height.Points(), nil
}

// svgText is a text as gonum's vgsvg writes it.
var svgText = regexp.MustCompile(`<text ([^>]*font-weight:(\w+);[^>]*font-size:([\d.]+)px[^>]*)>([^<]+)</text>`)

// fixWidths has every text take the room that it was drawn for. Where the font
// that was measured is not installed, another is shown, often a wider one.
func fixWidths(body []byte) []byte {
	return svgText.ReplaceAllFunc(body, func(found []byte) []byte {
		parts := svgText.FindSubmatch(found)
		size, err := strconv.ParseFloat(string(parts[3]), 64)
		if err != nil {
			return found
		}
		style := words(size)
		if string(parts[2]) == "bold" {
			style.Font.Weight = xfont.WeightBold
		}
		return fmt.Appendf(nil, `<text textLength="%.5g" lengthAdjust="spacingAndGlyphs" %s>%s</text>`,
			style.Width(html.UnescapeString(string(parts[4]))).Points(), parts[1], parts[4])
	})
}

// dpi makes pictures 810 pixels wide.
const dpi = 216

// PNG returns the chart as a picture.
func (c *Chart) PNG() ([]byte, error) {
	w, h := c.size(true)
	canvas := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(dpi))
	c.draw(draw.New(canvas), true)
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed} // twice as fast, a quarter larger
	if err := encoder.Encode(&b, canvas.Image()); err != nil {
		return nil, fmt.Errorf("cannot draw: %w", err)
	}
	return b.Bytes(), nil
}

func titleStyle() text.Style {
	style := words(fontSize + 1)
	style.Font.Weight = xfont.WeightBold
	return style
}

// titleLines breaks the title into lines that fit.
func (c *Chart) titleLines() []string {
	style := titleStyle()
	var lines []string
	for _, word := range strings.Fields(clean(c.Title)) {
		if n := len(lines); n > 0 {
			if longer := lines[n-1] + " " + word; style.Width(longer) <= width-2*margin {
				lines[n-1] = longer
				continue
			}
		}
		lines = append(lines, word)
	}
	return lines
}

// clean takes out of a text what no XML document may hold.
func clean(s string) string {
	return readable.Text(strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(s))
}
