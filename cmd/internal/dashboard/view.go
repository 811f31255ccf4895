package dashboard

import (
	_ "embed"
	"strings"
)

// The parts of the view, in the order in which they run.
var (
	//go:embed view/page.html
	page string
	//go:embed view/view.css
	style string

	//go:embed view/model.js
	modelJS string
	//go:embed view/dom.js
	domJS string
	//go:embed view/flows.js
	flowsJS string
	//go:embed view/picture.js
	pictureJS string
	//go:embed view/panel.js
	panelJS string
	//go:embed view/details.js
	detailsJS string
	//go:embed view/transport.js
	transportJS string
	//go:embed view/source.js
	sourceJS string
	//go:embed view/main.js
	mainJS string
)

// script is the view's parts as one, which leaves no name behind in its page.
func script() string {
	parts := []string{modelJS, domJS, flowsJS, pictureJS, panelJS, detailsJS, transportJS, sourceJS, mainJS}
	return "(() => {\n\"use strict\";\n" + strings.Join(parts, "\n") + "})();\n"
}
