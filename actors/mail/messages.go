package mail

import "troupe/actors/mailbox"

// Wake has the mailer look at the queue now. It is answered at once.
type Wake struct{ mailbox.To[*Mailer, Done] }

// Settled is answered when nothing is due and nothing is being sent.
type Settled struct{ mailbox.To[*Mailer, Done] }

// Done answers messages that have nothing to tell but success.
type Done struct{}
