package mailbox

// instance is one life of an actor, from Start to Stop.
type instance struct{}

func (in *instance) hold(m mail)    {}
func (in *instance) post(fn func()) {}
