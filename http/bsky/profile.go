package bsky

import (
	"encoding/json"
)

// profileAnswer is the answer of getProfile with the account's own profile as it is now.
func (v *viewer) profileAnswer(body []byte) ([]byte, error) {
	view, err := v.detailed(body)
	if err != nil || view == nil {
		return nil, err
	}
	return view, v.hold("app.bsky.actor.getProfiles", "profiles", []json.RawMessage{view})
}

// profilesAnswer is the same for getProfiles.
func (v *viewer) profilesAnswer(body []byte) ([]byte, error) {
	answer, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	var views, changed []json.RawMessage
	if err := json.Unmarshal(answer.get("profiles"), &views); err != nil {
		return nil, err
	}
	for i := range views {
		view, err := v.detailed(views[i])
		if err != nil {
			return nil, err
		}
		if view != nil {
			views[i], changed = view, append(changed, view)
		}
	}
	if changed == nil {
		return nil, nil
	}
	answer.put("profiles", encodeArray(views))
	return answer.encode(), v.hold("app.bsky.actor.getProfiles", "profiles", changed)
}

// detailed is a profileViewDetailed of the account as it is now; nil: it is
// somebody else's.
func (v *viewer) detailed(view json.RawMessage) (json.RawMessage, error) {
	o, err := v.mine(view)
	if err != nil || o == nil {
		return nil, err
	}
	p := v.local.profile
	if err := v.basic(&o); err != nil {
		return nil, err
	}
	banner := ""
	if p.Banner != nil {
		banner = v.urls.image(bannerPreset, v.did, *p.Banner)
	}
	for _, text := range []struct {
		name  string
		value *string
	}{{"description", p.Description}, {"website", p.Website}, {"banner", some(banner)}} {
		if err := o.putText(text.name, text.value); err != nil {
			return nil, err
		}
	}
	o.put("pinnedPost", p.PinnedPost)
	return o.encode(), nil
}

// basic changes what every view of a profile has.
func (v *viewer) basic(o *object) error {
	now := v.author()
	for _, text := range []struct {
		name  string
		value *string
	}{{"displayName", now.DisplayName}, {"pronouns", now.Pronouns}, {"avatar", some(now.Avatar)}} {
		if err := o.putText(text.name, text.value); err != nil {
			return err
		}
	}
	return nil
}

// mine is a view of the account's profile, ready to be changed; nil if it is
// somebody else's.
func (v *viewer) mine(view json.RawMessage) (object, error) {
	o, err := parseObject(view)
	if err != nil {
		return nil, err
	}
	var did string
	if err := json.Unmarshal(o.get("did"), &did); err != nil {
		return nil, errShape
	}
	if did != v.did.String() {
		return nil, nil
	}
	return o, nil
}

func (o *object) putText(name string, value *string) error {
	if value == nil {
		o.put(name, nil)
		return nil
	}
	text, err := encode(*value)
	if err == nil {
		o.put(name, text)
	}
	return err
}

// some is a text that is there, unless it is empty.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
