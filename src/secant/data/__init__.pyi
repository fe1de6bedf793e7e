# The public names of secant.data; the runtime reads this list (see __init__.py).
from .digit_images import read_digit as read_digit
from .digit_images import to_mnist_form as to_mnist_form
from .load import DataSetDescription as DataSetDescription
from .load import load_data as load_data
from .load import load_data_set as load_data_set
from .locations import Location as Location
from .locations import find_data_set as find_data_set
from .mnist import load_fashion_mnist as load_fashion_mnist
from .mnist import load_mnist as load_mnist
from .mnist import load_mnist_sample as load_mnist_sample
