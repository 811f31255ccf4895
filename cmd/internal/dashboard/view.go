package dashboard

import (
	_ "embed"
	"encoding/json"
	"strings"

	"starmesh/cmd/internal/lab/system"
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
func script(all system.Table) string {
	parts := []string{modelJS, domJS, flowsJS, pictureJS, panelJS, detailsJS, transportJS, sourceJS, mainJS}
	return "(() => {\n\"use strict\";\nconst systems = " + shown(all) + ";\n" + strings.Join(parts, "\n") + "})();\n"
}

// shown writes systems, in their order, as the view's model has them.
func shown(all system.Table) string {
	type view struct {
		ID        string `json:"id"` // as in labdir.Begin
		Name      string `json:"name"`
		Hub       bool   `json:"hub"`    // drawn as a server with clients, not as a circle of equals
		Server    bool   `json:"server"` // who has the file at first is none of those
		Head      bool   `json:"head"`   // stands for others of its kind
		Origin    string `json:"origin"`
		Receivers string `json:"receivers"`
		Says      string `json:"says"`
	}
	var views []view
	for _, s := range all {
		views = append(views, view{s.Name, s.Words.Title, !s.Relays, !s.Relays || s.Logged != "", s.Kin == nil, s.Nodes.Origin, s.Nodes.Receivers, s.Words.Says})
	}
	text, _ := json.Marshal(views) // strings and bools always can be
	return string(text)
}
