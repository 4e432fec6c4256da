"""Secure aggregation: the server learns the sum of the clients' vectors and of no vector more (Bonawitz et al. 2017).

Every pair of neighbours agrees on a mask (X25519, HKDF, AES-256-CTR) that one adds and the other subtracts;
every client adds a mask of its own. All secrets are Shamir-shared among the neighbours: where a client drops
out, its pairwise masks are recovered, where its vector arrived, its own mask is; of no client both.
Arithmetic is in integers modulo 2^b, so that sums are exact whatever the order. Above 50 clients only k
neighbours each take part in this (Bell et al. 2020).

Threat model: a server that follows the protocol, keeps all it sees and works with up to t - 1 holders of
every client's secrets (for k neighbours: with the share of clients that `Topology` is set to, but for a
stated chance); channels between server and clients that are authenticated, as by TLS, and a directory that
gives all the same public keys. What is here against a server that deviates is that a client never gives both
shares of one client, answers once, takes part in no roster of its own alone, and wants a majority as
threshold: asking different clients for different shares opens nobody, unless some of them work with the server
(2 of 6 are enough).

`malicious=True`, on both sides, is for a server that deviates and works with up to a third of the clients
(fewer than 2t - n of n, at t of two thirds and one): public keys are signed, so that it cannot be the
neighbour itself, and before a share is revealed, a threshold of clients has signed one list of survivors.
Verification keys come from a directory that it does not write. It can still end a round.

Clients are not kept from sending nonsense as a vector; false shares are noticed. The sum itself is not
protected: that is what noise is for, and who takes part is known.

`SecureSum` stands in for `plain_sum` in a federation; `SecureClient` and `Server` are the two sides for a deployment.
"""

from privtalk.methods.privacy.secure_aggregation.client import SecureClient as SecureClient
from privtalk.methods.privacy.secure_aggregation.errors import InconsistentError as InconsistentError
from privtalk.methods.privacy.secure_aggregation.errors import MalformedError as MalformedError
from privtalk.methods.privacy.secure_aggregation.errors import OutOfRangeError as OutOfRangeError
from privtalk.methods.privacy.secure_aggregation.errors import RefusedRequestError as RefusedRequestError
from privtalk.methods.privacy.secure_aggregation.errors import RepeatedMessageError as RepeatedMessageError
from privtalk.methods.privacy.secure_aggregation.errors import (
    SecureAggregationError as SecureAggregationError,
)
from privtalk.methods.privacy.secure_aggregation.errors import StaleMessageError as StaleMessageError
from privtalk.methods.privacy.secure_aggregation.errors import TamperedError as TamperedError
from privtalk.methods.privacy.secure_aggregation.errors import TooFewClientsError as TooFewClientsError
from privtalk.methods.privacy.secure_aggregation.errors import UnknownClientError as UnknownClientError
from privtalk.methods.privacy.secure_aggregation.errors import WrongLengthError as WrongLengthError
from privtalk.methods.privacy.secure_aggregation.graph import Topology as Topology
from privtalk.methods.privacy.secure_aggregation.grid import IntegerGrid as IntegerGrid
from privtalk.methods.privacy.secure_aggregation.secure_sum import SecureSum as SecureSum
from privtalk.methods.privacy.secure_aggregation.secure_sum import ServerTranscript as ServerTranscript
from privtalk.methods.privacy.secure_aggregation.secure_sum import Traffic as Traffic
from privtalk.methods.privacy.secure_aggregation.server import Server as Server
from privtalk.methods.privacy.secure_aggregation.signatures import SigningIdentity as SigningIdentity
